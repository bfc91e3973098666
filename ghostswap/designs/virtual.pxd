cimport cython
from ghostswap.designs.backend cimport Backend
from ghostswap.mm.memcontrol cimport Cgroup
from ghostswap.mm.swap.space cimport SwapSpace
from ghostswap.mm.zswap.zswap cimport Zswap

cdef int ACTIVATE, DISK, FREED, NO_SLOT, WRITING, ZERO, ZEROS, ZSWAP
cdef tuple ORIGINS


@cython.final
cdef class VirtualPlaces:
    cdef SwapSpace _swap
    cdef object _cgroups
    cdef unsigned int[::1] physical
    cdef unsigned short[::1] cgroup_of
    @cython.locals(memcg=Cgroup, slot=Py_ssize_t)
    cpdef bint alloc(self, Py_ssize_t page, int cgroup) except -1
    @cython.locals(memcg=Cgroup, slot=Py_ssize_t)
    cpdef free(self, Py_ssize_t page)


cdef class VirtualSwap(Backend):
    cdef Zswap _virtual_zswap
    cdef SwapSpace _swap
    cdef VirtualPlaces _places
    cdef bytearray _has_slot
    cpdef int _swap_out(self, Py_ssize_t page, int cgroup, int view) except -1
    @cython.locals(copy=int, memcg=Cgroup)
    cpdef int swap_in(self, Py_ssize_t page, int cgroup) except -1
    cpdef bint has_room(self, Py_ssize_t slots=*) except -1
    cpdef drop_slot(self, Py_ssize_t page)
    cdef _write(self, Py_ssize_t slot)
    @cython.locals(number=Py_ssize_t, page=Py_ssize_t)
    cdef _note_run(self, Py_ssize_t first, unsigned short[::1] views, int cgroup)
