cimport cython
from ghostswap.mm.memcontrol cimport Cgroup
from ghostswap.mm.vmscan.lruvec cimport Events, Lruvec, Pages
from ghostswap.mm.vmscan.pageout cimport Backing, Mapper
from ghostswap.mm.vmscan.chooser cimport Chooser

cdef int ACCESSED, DIRTY, EVICTED, MAX_RECLAIM_RETRIES, PAGE_SIZE, PRESENT, PTRS_PER_PTE, UNMAPPED
cdef int WRITES
cdef Py_ssize_t _ENOUGH


@cython.final
cdef class _Limit:
    cdef public Lruvec target
    cdef public Py_ssize_t pages


cdef class Memory(Mapper):
    cdef public tuple groups
    cdef public list killed
    cdef Py_ssize_t _kernel_pages
    cdef bytearray _leaves_no_copy
    cdef bint _charges_zswap
    cdef Pages _pages
    cdef Py_ssize_t[::1] _made, _room
    cdef Backing _backing
    cdef list _lruvec_of, _limits, _leaves_room
    cdef Chooser _policy
    @cython.locals(state=bytearray, group=int, cgroup=Cgroup, events=Events)
    cpdef fault(self, Py_ssize_t page, Lruvec lruvec, int touch)
    @cython.locals(limits=tuple, limit=_Limit, room=Py_ssize_t)
    cdef Py_ssize_t _make_room(self, Lruvec lruvec) except -1
    @cython.locals(state=bytearray)
    cdef _map_cached(self, Py_ssize_t page)
    cdef _make(self, Lruvec lruvec)
    @cython.locals(zswap_bytes=Py_ssize_t)
    cdef Py_ssize_t _usage(self, Lruvec lruvec) except -1
    @cython.locals(retries=int, nr_reclaimed=Py_ssize_t)
    cdef _reclaim(self, Lruvec target, Py_ssize_t limit, Lruvec faulting)
