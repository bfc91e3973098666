cimport cython
from ghostswap.mm.memcontrol cimport Cgroup
from ghostswap.mm.zswap.entries cimport Counters, Entries
from ghostswap.mm.zswap.writeback cimport Writeback

cdef int ABSENT, INCOMPRESSIBLE, PAGE_SIZE, SAME


@cython.final
cdef class Zswap:
    cdef public object kernel, on_writeback
    cdef object _swap
    cdef public tuple cgroups
    cdef public Counters counters
    cdef public Py_ssize_t max_pages, accept_pages
    cdef public bint shrink_queued
    cdef Py_ssize_t _full_pages
    cdef bint _full, _exclusive_loads, _stale_first, _says_no_space, _stores_incompressible
    cdef Entries _entries
    cdef Writeback _writeback
    cpdef bint holds(self, Py_ssize_t slot) except -1
    cpdef invalidate(self, Py_ssize_t slot)
    @cython.locals(entries=Entries, memcg=Cgroup, counters=Counters, is_limited=bint,
                   hits=Py_ssize_t, is_hit=bint, found=int, handle=Py_ssize_t)
    cpdef bint store(self, Py_ssize_t slot, int length, int cgroup=*, bint checked=*) except -1
    cdef bint _reject(self, Py_ssize_t slot, bint is_hit=*) except -1
    @cython.locals(pool_pages=Py_ssize_t)
    cdef bint _check_limits(self) except -1
    cdef int _compress(self, int length, Cgroup memcg) except -1
    cpdef bint load(self, Py_ssize_t slot) except -1
    cdef _make_entries(self)
    cdef _make_entry(self, Py_ssize_t slot, int length, Py_ssize_t handle, int cgroup)
    cdef _free_entry(self, Py_ssize_t slot)
    cdef bint _shrink_memcg(self, int cgroup) except -1
