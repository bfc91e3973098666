cimport cython


@cython.final
cdef class SwapInfo:
    cdef public str path, type
    cdef public object pages
    cdef public int prio
    cdef public bint seeks, blkdev
    cdef public size_t tier_mask
    cdef public Py_ssize_t inuse_pages, writes, written_pages
    cdef public bytearray _written
    @cython.locals(missing=Py_ssize_t)
    cpdef note_write(self, Py_ssize_t offset)
    cpdef bint has_room(self, Py_ssize_t count=*) except -1
