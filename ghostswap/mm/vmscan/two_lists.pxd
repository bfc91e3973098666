cimport cython
from ghostswap.mm.columns cimport Ring
from ghostswap.mm.vmscan.lruvec cimport Events, Lruvec, Pages, State
from ghostswap.mm.vmscan.pageout cimport Backing, Mapper
from ghostswap.mm.vmscan.chooser cimport Chooser, Subtrees

cdef int ACCESSED, DIRTY, EVICTED, FREED, PRESENT, REFERENCED, UNMAPPED, WORKINGSET, WRITING
cdef int DEF_PRIORITY, SWAP_CLUSTER_MAX
cdef Py_ssize_t MAX_SWAPPINESS, SWAPPINESS, WALK_TIME, WRITE_TIME
cdef size_t _AGE, _AGE_SHIFT, _INDEX_MASK


cdef class TwoLists(Chooser):
    cdef object _rules
    cdef Pages _pages
    cdef Backing _backing
    cdef tuple _lruvecs
    cdef Py_ssize_t _flush_every, _to_flush, _clock
    cdef bint _charges_slots, _waits_for_writes, _has_shrinker, _one_cpu
    cdef unsigned int[::1] _pagevec
    cdef list _pagevec_lists, _is_fresh
    cdef Subtrees _subtrees
    cdef Py_ssize_t _in_pagevec
    @cython.locals(state=bytearray, page="unsigned int", number=Py_ssize_t)
    cpdef touch(self, Lruvec lruvec, unsigned int[::1] pages, const unsigned char[::1] writes, Mapper mapper)
    @cython.locals(state=bytearray, page="unsigned int", number=Py_ssize_t)
    cdef _touch_translated(self, Lruvec lruvec, unsigned int[::1] pages, const unsigned char[::1] writes, Mapper mapper)
    @cython.locals(state=bytearray, is_active=bint)
    cpdef add(self, Py_ssize_t page, Lruvec lruvec)
    cdef _flush_late(self)
    @cython.locals(pages=Pages, events=Events, shadow=size_t, evictor=Lruvec,
                   distance=Py_ssize_t)
    cdef bint _workingset_refault(self, Py_ssize_t page, Lruvec lruvec) except -1
    cpdef write_back(self, Py_ssize_t page, Lruvec lruvec)
    @cython.locals(nr_reclaimed=Py_ssize_t, freed=Py_ssize_t, skipped=bint, priority=int,
                   full_walk=bint, force_deactivate=bint, skipped_deactivate=bint)
    cpdef Py_ssize_t try_to_free_pages(self, Lruvec target) except -1
    @cython.locals(lruvec=Lruvec, nr_reclaimed=Py_ssize_t, freed=Py_ssize_t, skipped=bint,
                   may_deactivate=bint, skipped_deactivate=bint)
    cdef tuple _shrink_node(self, Lruvec target, int priority, bint force_deactivate, bint full_walk)
    @cython.locals(nr_inactive=Py_ssize_t, nr_active=Py_ssize_t, nr_reclaimed=Py_ssize_t,
                   nr_to_scan=Py_ssize_t, skipped_deactivate=bint)
    cdef tuple _shrink_lruvec(self, Lruvec lruvec, Lruvec target, int priority, bint may_deactivate)
    cdef bint _may_swap(self, Lruvec lruvec) except -1
    @cython.locals(nr_inactive=Py_ssize_t, nr_active=Py_ssize_t, cost=Py_ssize_t,
                   ap=Py_ssize_t, fp=Py_ssize_t)
    cdef tuple _get_scan_count(self, Lruvec lruvec, Lruvec target, int priority)
    @cython.locals(inactive=Ring, active=Ring, state=bytearray, nr_taken=Py_ssize_t,
                   page=Py_ssize_t, events=Events)
    cdef _shrink_active_list(self, Py_ssize_t nr_to_scan, Lruvec lruvec)
    @cython.locals(inactive=Ring, active=Ring, state=bytearray, shadow="size_t[::1]",
                   backing=Backing, page=Py_ssize_t, flags=int, out=int, due=Py_ssize_t,
                   evictor=size_t, nr_taken=Py_ssize_t, nr_active=Py_ssize_t,
                   nr_pageout=Py_ssize_t, nr_reclaimed=Py_ssize_t, visit=Py_ssize_t,
                   nr_activated=Py_ssize_t, events=Events)
    cdef Py_ssize_t _shrink_inactive_list(self, Py_ssize_t nr_to_scan, Lruvec lruvec, Lruvec target) except -1
    cdef _end_writeback(self, Lruvec lruvec)
    cdef _meet_writeback(self, Py_ssize_t nr_to_scan, Lruvec lruvec)
    @cython.locals(number=Py_ssize_t, ring=Ring)
    cdef _lru_add_drain(self)
