cimport cython
from ghostswap.designs.backend cimport Backend
from ghostswap.mm.memcontrol cimport Cgroup
from ghostswap.mm.swap.space cimport SwapSpace
from ghostswap.mm.swap.swap_info cimport SwapInfo
from ghostswap.mm.zram cimport Zram

cdef int ACTIVATE, DISK, FREED, WRITING, ZERO, ZRAM, ZSWAP
cdef int INCOMPRESSIBLE, NO_SLOT, PAGE_SIZE, ZEROS
cdef tuple ORIGINS


cdef class Slotted(Backend):
    cdef object _zram_view, _returned
    cdef unsigned short[::1] _behind
    cdef bint _exclusive_loads, _has_backing_dev, _keeps_back
    cdef SwapSpace _swap
    cdef Zram _zram
    cdef unsigned int[::1] _slot, _page
    cdef unsigned short[::1] _cgroup_of
    cdef Py_ssize_t _cursor, _searched_at
    @cython.locals(slot=Py_ssize_t)
    cpdef int _swap_out(self, Py_ssize_t page, int cgroup, int view) except -1
    cdef bint _can_write(self, Py_ssize_t slot, int cgroup) except -1
    @cython.locals(copy=int, memcg=Cgroup, is_synchronous=bint)
    cpdef int swap_in(self, Py_ssize_t page, int cgroup) except -1
    @cython.locals(area=SwapInfo)
    cdef bint _is_zram(self, Py_ssize_t slot) except -1
    cdef int _view_behind(self, Py_ssize_t page) except -1
    cpdef bint has_room(self, Py_ssize_t slots=*) except -1
    cpdef drop_slot(self, Py_ssize_t page)
    @cython.locals(memcg=Cgroup, slot=Py_ssize_t)
    cdef Py_ssize_t _alloc(self, Py_ssize_t page, int cgroup) except -1
    cdef _give(self, Py_ssize_t slot, Py_ssize_t page, int cgroup)
    cdef _make_room(self, Py_ssize_t slot)
    cdef bint _reclaim_cached(self) except -1
    @cython.locals(slot=Py_ssize_t, memcg=Cgroup)
    cdef _free(self, Py_ssize_t page)
    cdef _release(self, Py_ssize_t slot)
    @cython.locals(page=Py_ssize_t, place=int)
    cdef _written(self, Py_ssize_t slot)
    @cython.locals(number=Py_ssize_t, page=Py_ssize_t, view=int, place=int)
    cdef _note_run(self, Py_ssize_t slot, Py_ssize_t first, unsigned short[::1] views,
                   list refused, int cgroup)
