cimport cython
from ghostswap.mm.zpool.api cimport Allocator

cdef unsigned int _NEXT, _PREV, _HEAD, _CLASS, _ROW, _ROW_SHIFT, _CLASS_SHIFT, _INUSE, _FREE
cdef bytes _FULLEST


cdef class Pool(Allocator):
    cdef tuple _sizes
    cdef unsigned int _groups, _end, _unused, _handles, _free_handle
    cdef const unsigned short[::1] _class_of
    cdef const unsigned int[::1] _head_of
    cdef unsigned int[::1] _first_head, _pages, _usable, _rows, _zspage
    @cython.locals(number="unsigned int", usable="unsigned int", zspage="unsigned int",
                   handle="unsigned int")
    cpdef Py_ssize_t malloc(self, Py_ssize_t length) except -1
    @cython.locals(zspage="unsigned int")
    cpdef free(self, Py_ssize_t handle)
    cdef unsigned int _head(self, unsigned int number, unsigned int group) noexcept
    @cython.locals(zspage="unsigned int")
    cdef unsigned int _new_zspage(self, unsigned int number) except? 0
    @cython.locals(word="unsigned int", number="unsigned int", head="unsigned int",
                   first="unsigned int")
    cdef _fix_fullness_group(self, unsigned int zspage)
    @cython.locals(after="unsigned int", before="unsigned int", number="unsigned int")
    cdef _unlink(self, unsigned int zspage)
    @cython.locals(group="unsigned int")
    cdef unsigned int _bit(self, unsigned int head, unsigned int number) noexcept
