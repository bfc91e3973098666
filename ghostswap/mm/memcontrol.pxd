cimport cython


@cython.final
cdef class Cgroup:
    cdef public object zswap_max
    cdef public bint zswap_writeback
    cdef public object memory_max, swap_max
    cdef public size_t swap_tiers
    cdef public Cgroup parent
    cdef public Py_ssize_t swap_pages, zswap_bytes, zswapped, zswap_incomp
    cdef public Py_ssize_t nr_disk_swapins, memory_pages
    cdef public tuple lineage, zswap_limited, _swap_limits
    @cython.locals(group=Cgroup)
    cpdef bint may_zswap(self, Py_ssize_t pages=*) except -1
    @cython.locals(group=Cgroup)
    cpdef bint may_write_back(self) except -1
    @cython.locals(group=Cgroup)
    cpdef charge_zswap(self, Py_ssize_t pages, Py_ssize_t size, Py_ssize_t as_is=*)
    @cython.locals(group=Cgroup)
    cpdef bint try_charge_swap(self) except -1
    @cython.locals(group=Cgroup)
    cpdef charge_swap(self, Py_ssize_t slots)
    @cython.locals(group=Cgroup, most=Py_ssize_t)
    cpdef bint is_swap_full(self) except -1
    @cython.locals(group=Cgroup, most=Py_ssize_t)
    cpdef bint has_swap(self, Py_ssize_t slots=*) except -1
