cimport cython
from ghostswap.mm.zpool.zsmalloc cimport Pool

cdef int PAGE_SIZE, SAME, ZEROS
cdef unsigned int _LENGTH, _STORED, _WB, _IDLE


@cython.final
cdef class MmStat:
    cdef public Py_ssize_t orig_data_size, compr_data_size, mem_used_total, mem_limit, mem_used_max
    cdef public Py_ssize_t same_pages, pages_compacted, huge_pages, huge_pages_since
    cpdef add(self, Py_ssize_t length, Py_ssize_t count=*)
    cpdef remove(self, Py_ssize_t length)
    cpdef set_pool_pages(self, Py_ssize_t pages)


@cython.final
cdef class Zram:
    cdef Pool _pool
    cdef object _writeback_step, _rules, _filling
    cdef tuple _classes
    cdef Py_ssize_t _limit_pages
    cdef public object writeback_limit, bd_stat
    cdef public MmStat mm_stat
    cdef public Py_ssize_t failed_writes
    cdef list _put_off
    cdef unsigned int[::1] _handle
    cdef unsigned short[::1] _flags
    cdef unsigned char[::1] _priority
    cdef _make_blocks(self)
    cdef _make_room(self, Py_ssize_t index)
    @cython.locals(handle="unsigned int")
    cpdef bint write(self, Py_ssize_t index, Py_ssize_t length) except -1
    cpdef slot_free_notify(self, Py_ssize_t index)
    @cython.locals(flags="unsigned int", handle="unsigned int")
    cdef _free(self, Py_ssize_t index)
