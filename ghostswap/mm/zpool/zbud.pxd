cimport cython
from ghostswap.mm.zpool.api cimport Evictable
from ghostswap.mm.zpool.list_head cimport Lru

cdef int CHUNK_SIZE, FIRST, LAST, NCHUNKS, _POOL


@cython.final
cdef class Unbuddied:
    cdef Lru _lists
    cdef size_t _occupied
    cdef unsigned char[::1] _list_of
    @cython.locals(bit=size_t)
    cpdef add(self, Py_ssize_t page, Py_ssize_t free_chunks)
    @cython.locals(bit=size_t, number=Py_ssize_t)
    cpdef remove(self, Py_ssize_t page)
    @cython.locals(fit=size_t, page=Py_ssize_t)
    cpdef Py_ssize_t take(self, Py_ssize_t chunks) except? -2


cdef class Pool(Evictable):
    cdef Py_ssize_t _header_size
    cdef public bytearray _chunks
    cdef public Lru _lru
    cdef Unbuddied _unbuddied
    cdef list _unused
    @cython.locals(chunks=Py_ssize_t, page=Py_ssize_t, handle=Py_ssize_t)
    cpdef Py_ssize_t malloc(self, Py_ssize_t length) except -1
    @cython.locals(page=Py_ssize_t, buddys_chunks=int)
    cpdef free(self, Py_ssize_t handle)
    cdef Py_ssize_t _new_page(self) except -1
    cdef _release(self, Py_ssize_t page)
