cimport cython
from ghostswap.mm.memcontrol cimport Cgroup
from ghostswap.mm.noted_lists cimport NotedLists
from ghostswap.mm.zswap.entries cimport Entries


cdef class Writeback:
    cdef object _rules, _swap, _on_written
    cdef Entries _entries
    cdef Py_ssize_t _accept_pages
    cpdef made(self, Py_ssize_t slot)
    cpdef loaded(self, Py_ssize_t slot)
    cpdef freed(self, Py_ssize_t slot)
    cpdef Py_ssize_t nr_items(self, int cgroup) except -1
    cpdef bint shrink_memcg(self, int cgroup) except -1
    cpdef bint visit(self, int cgroup) except -1


cdef class ZpoolEviction(Writeback):
    cdef unsigned int[::1] _slot_of
    @cython.locals(handle=Py_ssize_t)
    cpdef made(self, Py_ssize_t slot)


cdef class _ByList(Writeback):
    cdef NotedLists _lists
    cdef int _list_of(self, Py_ssize_t slot) except -1
    cdef bint _writeback_entry(self, Py_ssize_t slot) except -1


cdef class PoolLru(_ByList):
    pass


cdef class MemcgLru(_ByList):
    cdef object _next_shrink
    @cython.locals(nr_items=Py_ssize_t, memcg=Cgroup)
    cpdef Py_ssize_t nr_items(self, int cgroup) except -1
    @cython.locals(slot=Py_ssize_t)
    cpdef bint visit(self, int cgroup) except -1
