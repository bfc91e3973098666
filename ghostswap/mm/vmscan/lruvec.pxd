cimport cython
from ghostswap.mm.columns cimport Ring
from ghostswap.mm.memcontrol cimport Cgroup

cdef Py_ssize_t SWAP_CLUSTER_MAX, _PAGES_PER_GIB


@cython.final
cdef class Pages:
    cdef public bytearray state
    cdef public size_t[::1] shadow


@cython.final
cdef class Events:
    cdef public Py_ssize_t pgfault, pgmajfault, pgscan, pgsteal, pgactivate, pgdeactivate, pgrefill
    cdef public Py_ssize_t workingset_refault_anon, workingset_activate_anon
    cdef public Py_ssize_t workingset_restore_anon


@cython.final
cdef class State:
    cdef public Py_ssize_t inactive, active, activations


@cython.final
cdef class Lruvec:
    cdef public Cgroup cgroup
    cdef public int index, group
    cdef public list children
    cdef public Ring inactive, active
    cdef public object writing
    cdef public Py_ssize_t resident, nonresident_age, anon_cost, refaults
    cdef public State state
    cdef public Events events
    cdef public tuple lineage, charged
    @cython.locals(cgroup=Cgroup)
    cpdef charge(self, Py_ssize_t pages)
    @cython.locals(child=Lruvec, state=State)
    cpdef flush_stats(self)
    @cython.locals(state=State, gigabytes=Py_ssize_t, ratio=Py_ssize_t)
    cpdef bint is_inactive_low(self) except -1
    @cython.locals(lruvec=Lruvec)
    cpdef age_nonresident(self, Py_ssize_t pages)
    @cython.locals(lruvec=Lruvec, cost=Py_ssize_t)
    cpdef note_cost(self, Py_ssize_t nr_io, Py_ssize_t nr_rotated)
