cimport cython
from ghostswap.mm.vmscan.pageout cimport Backing, Mapper
from ghostswap.mm.zswap.zswap cimport Zswap

cdef int ACTIVATE, FREED, NO_SLOT, SWAP_CLUSTER_MAX, ZRAM
cdef int _CHANGED, _COPY, _KEPT, _ORIGINS


@cython.final
cdef class Vmstat:
    cdef public Py_ssize_t pswpin, pswpout, swpin_zero, swpout_zero, nrswpin, nrswpout


cdef class Backend(Backing):
    cdef public Vmstat vmstat
    cdef public Py_ssize_t slots_at_swap_out, slots_at_writeback
    cdef public list refused, no_slot
    cdef public object stored
    cdef public bint worker_wrote
    cdef object _view, _witness, _worker, _waiting
    cdef unsigned short[::1] _views
    cdef bytearray _state
    cdef Py_ssize_t[::1] _swap_ins, _swap_outs
    cdef Zswap _zswap
    cdef object _cgroups
    cdef Mapper _mapper
    cdef tuple _redraws
    cdef bint _has_witness
    cdef Py_ssize_t _next_slot
    cdef int _in_submission
    cdef list _shrinkers
    @cython.locals(state=int, out=int)
    cpdef int swap_out(self, Py_ssize_t page, int cgroup, bint dirty) except -1
    cdef _note_write(self, Py_ssize_t slot, Py_ssize_t pages=*)
    cdef _note_alone(self)
    cdef _note_read(self)
    cpdef int copy_of(self, Py_ssize_t page) except -1
    cdef _set_kept(self, Py_ssize_t page)
    cdef _set_copy(self, Py_ssize_t page, int copy)
    cdef _came_back(self, int cgroup, int copy)
    cpdef int _swap_out(self, Py_ssize_t page, int cgroup, int view) except -1
