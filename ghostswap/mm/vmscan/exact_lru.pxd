cimport cython
from ghostswap.mm.noted_lists cimport NotedLists
from ghostswap.mm.vmscan.lruvec cimport Events, Lruvec, Pages
from ghostswap.mm.vmscan.pageout cimport Backing, Mapper
from ghostswap.mm.vmscan.chooser cimport Chooser

cdef int ACCESSED, ACTIVATE, DIRTY, EVICTED, PRESENT


cdef class ExactLru(Chooser):
    cdef Pages _pages
    cdef Backing _backing
    cdef NotedLists _lists
    cdef list _sharers, _turn
    @cython.locals(state=bytearray, lists=NotedLists, page="unsigned int", number=Py_ssize_t)
    cpdef touch(self, Lruvec lruvec, unsigned int[::1] pages, const unsigned char[::1] writes, Mapper mapper)
    @cython.locals(sharers=list, turn=int, lruvec=Lruvec)
    cpdef Py_ssize_t try_to_free_pages(self, Lruvec target) except -1
    @cython.locals(state=bytearray, lists=NotedLists, page=Py_ssize_t, out=int, events=Events)
    cdef bint _free_one(self, Lruvec lruvec) except -1
