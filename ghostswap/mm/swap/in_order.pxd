cimport cython
from ghostswap.mm.swap.space cimport SwapSpace
from ghostswap.mm.swap.swap_info cimport SwapInfo

cdef int NO_SLOT


@cython.final
cdef class _Equals:
    cdef public list numbers
    cdef public Py_ssize_t current, given


@cython.final
cdef class _Use:
    cdef public object badpages
    cdef public Py_ssize_t next
    cdef public list freed


cdef class InOrderSpace(SwapSpace):
    cdef list _uses, _equals
    @cython.locals(equals=_Equals, number=Py_ssize_t, area=SwapInfo, use=_Use, first=Py_ssize_t)
    cpdef Py_ssize_t alloc(self, size_t mask=*, int cpu=*, int order=*) except -1
    @cython.locals(equals=_Equals, number=Py_ssize_t, area=SwapInfo, use=_Use)
    cpdef Py_ssize_t alloc_run(self, Py_ssize_t count, Py_ssize_t room=*, bint folio=*) except -1
    @cython.locals(number=Py_ssize_t, offset=Py_ssize_t, area=SwapInfo, use=_Use)
    cpdef free(self, Py_ssize_t slot, int cpu=*)
    cdef _take_turn(self, _Equals equals, Py_ssize_t number)
