cimport cython
from ghostswap.mm.memcontrol cimport Cgroup
from ghostswap.mm.zpool.api cimport Allocator

cdef int PAGE_SIZE
cdef int _CGROUP_SHIFT, _HANDLE_SHIFT
cdef size_t _CGROUP, _LENGTH, _REFERENCED


@cython.final
cdef class Counters:
    cdef public Py_ssize_t stored_pages, pool_total_size, same_filled_pages
    cdef public Py_ssize_t stored_incompressible_pages, pool_limit_hit, reject_reclaim_fail
    cdef public Py_ssize_t reject_alloc_fail, reject_kmemcache_fail, reject_compress_fail
    cdef public Py_ssize_t reject_compress_poor, written_back_pages, decompress_fail
    cdef public Py_ssize_t zswpin, zswpout, refused_cgroup, refused_full, second_chances


@cython.final
cdef class Entries:
    cdef public tuple cgroups
    cdef public Counters counters
    cdef public Allocator pool
    cdef public Py_ssize_t pool_pages, highest
    cdef public bint is_put_off
    cdef object _filling
    cdef list _put_off
    cdef size_t[::1] _word
    cpdef int length(self, Py_ssize_t slot) except -2
    cpdef int cgroup_of(self, Py_ssize_t slot) except -1
    cpdef bint is_referenced(self, Py_ssize_t slot) except -1
    cpdef clear_referenced(self, Py_ssize_t slot)
    cpdef Py_ssize_t handle(self, Py_ssize_t slot) except -1
    @cython.locals(counters=Counters, is_whole=bint, memcg=Cgroup)
    cpdef make(self, Py_ssize_t slot, size_t length, size_t handle, size_t cgroup)
    @cython.locals(counters=Counters, length=int, cgroup=int, handle=Py_ssize_t, is_whole=int,
                   memcg=Cgroup)
    cpdef free(self, Py_ssize_t slot, bint is_evicted=*)
