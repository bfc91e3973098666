# SPDX-License-Identifier: GPL-2.0-or-later
# Made by 'ghostswap completion fish'.
# Words that a value may go on as: argv, behind what commas join to them.
function __ghostswap_joined
    set -l begun (string match -r '^.*,' -- (__ghostswap_token)); or set begun ''
    printf '%s\n' $begun$argv
end

# The value that is being typed, without its option.
function __ghostswap_token
    string replace -r '^--[^=]*=' '' -- (commandline -ct | string unescape)
end

# Processes, with their names.
function __ghostswap_processes
    string replace -rf '^/proc/(\d+)/comm:(.*)' 'pid:$1'\t'$2' -- (grep -s . /proc/*/comm)
end

# Words behind KEY=, else the keys.
function __ghostswap_behind
    set -l token (__ghostswap_token)
    if not string match -q '*=*' -- $token
        printf '%s\n' $argv
        return
    end
    set -l key (string replace -r '=.*' '' -- $token)
    set -l begun (string match -r '^[^=]*=(?:.*,)?' -- $token)
    switch $key
        case kernel
            printf '%s\n' $begun{6.1,6.6,6.12,6.17,6.18,6.19,7.0,7.1,7.2,7.3}
        case design
            printf '%s\n' $begun{disk,classic,ghost,ghost-dynamic,xswap,vswap,vswap-ste,zswap-zram,zram}
        case compressor
            printf '%s\n' $begun{lz4,lz4hc,lzo,lzo-rle,zstd,deflate}
        case reclaim
            printf '%s\n' $begun{two-lists,mglru,lru}
        case zswap.zpool
            printf '%s\n' $begun{zsmalloc,zbud,z3fold}
        case zswap.enabled
            printf '%s\n' $begun{true,false}
        case zswap.shrinker_enabled
            printf '%s\n' $begun{true,false}
        case zram.zeromap
            printf '%s\n' $begun{true,false}
        case zram.recompress
            printf '%s\n' $begun{lz4,lz4hc,lzo,lzo-rle,zstd,deflate}
        case zram.recompress_type
            printf '%s\n' $begun{all,idle,huge,huge_idle}
        case zram.writeback
            printf '%s\n' $begun{huge,idle,huge_idle}
        case 'area[1].type'
            printf '%s\n' $begun{full,ghost}
        case 'area[1].rotational'
            printf '%s\n' $begun{true,false}
        case 'area[1].discard'
            printf '%s\n' $begun{true,false}
        case source
            printf '%s\n' $begun{mine,host,pid:,cgroup:,swap:,synthetic:,-}
        case touches
            printf '%s\n' $begun{zipf:,uniform,scan,loop:,hot:,u32:,csv:,oracle:,trace:}
        case write_ratio
            printf '%s\n' $begun{odd}
        case zswap_writeback
            printf '%s\n' $begun{true,false}
    end
end
complete -c ghostswap -n __fish_use_subcommand -f -a mkswap -d 'Make a swap area: a ghost swapfile, a full file, or in place.'
complete -c ghostswap -n __fish_use_subcommand -f -a label -d 'Print or change the label and UUID of a swap area.'
complete -c ghostswap -n __fish_use_subcommand -f -a inspect -d 'Explain every field of a swap area\'s header.'
complete -c ghostswap -n __fish_use_subcommand -f -a validate -d 'Say which kernels would take a swap area, and why not.'
complete -c ghostswap -n __fish_use_subcommand -f -a status -d 'Show swap on this host as it is now, and what is wrong with it.'
complete -c ghostswap -n __fish_use_subcommand -f -a advise -d 'Say what to set here, with figures from the memory in use.'
complete -c ghostswap -n __fish_use_subcommand -f -a simulate -d 'Store memory once, in zswap, zram or another design.'
complete -c ghostswap -n __fish_use_subcommand -f -a profile -d 'Write down what memory compresses to, to take along.'
complete -c ghostswap -n __fish_use_subcommand -f -a replay -d 'Touch memory under a limit, so that pages go and come back.'
complete -c ghostswap -n __fish_use_subcommand -f -a capture -d 'Watch which memory a process touches, over time.'
complete -c ghostswap -n __fish_use_subcommand -f -a compare -d 'Set designs side by side, for one memory and one workload.'
complete -c ghostswap -n __fish_use_subcommand -f -a measure -d 'Ask the running kernel, and set the model beside it (root).'
complete -c ghostswap -n __fish_use_subcommand -f -a verify -d 'Bring every page back and compare it.'
complete -c ghostswap -n __fish_use_subcommand -f -a examples -d 'Put a claim about ghost swapfiles and virtual swap to the test.'
complete -c ghostswap -n __fish_use_subcommand -f -a overhead -d 'Print what swap takes in memory for itself, by design and use.'
complete -c ghostswap -n __fish_use_subcommand -f -a completion -d 'Print the completion script of a shell.'
complete -c ghostswap -n __fish_use_subcommand -f -s V -l version -d 'Show the version.'
complete -c ghostswap -n __fish_use_subcommand -f -s h -l help -d 'Show the help.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s s -l size -x -d 'What the area declares: for a new TARGET without --file, a ghost of that size.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -l ghost -d 'Make a ghost swapfile: the header\'s page, no data.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s F -l file -d 'Make a full file of --size, every block on disk.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s L -l label -x -d 'Name the area; 15 bytes are kept.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s U -l uuid -x -a 'clear random time' -d 'A UUID, or clear, random or time.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -l keep -d 'Keep UUID and label of the area that is there.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s p -l pagesize -x -d 'Page size of the kernel that will use the area.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s e -l endianness -x -a 'native little big' -d 'Byte order of the header: native, little or big.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s o -l offset -x -d 'Where in TARGET the area begins; what lies before it stays as it is.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s c -l check -d 'Read every page of a device for bad ones first.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -l bad-pages -x -d 'Pages never to use, such as 5,7-9; kernels want a device.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s f -l force -d 'Do what could lose data: make a ghost of an existing file, cut one with --file, follow a symbolic link, declare more BLOCKS than there are, drop a partition table.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -l lock -x -a 'yes 1 no 0 nonblock' -d 'Keep others out of an existing TARGET: yes (wait for them), no, or nonblock.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s n -l dry-run -d 'Say what would be written and wiped, and stop.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s v -l swapversion -x -d 'Only 1 exists.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -l verbose -d 'List the holes and extents that are warned about.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s q -l quiet -d 'Print errors only.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s V -l version -d 'Show the version and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from mkswap' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from label' -s L -l label -x -d 'Name the area; 15 bytes are kept; "" for none.'
complete -c ghostswap -n '__fish_seen_subcommand_from label' -s U -l uuid -x -a 'clear random time' -d 'Give it this UUID, or clear it, or make a random one or one of the time.'
complete -c ghostswap -n '__fish_seen_subcommand_from label' -s o -l offset -x -d 'Where in TARGET the area begins, in bytes.'
complete -c ghostswap -n '__fish_seen_subcommand_from label' -l lock -x -a 'yes 1 no 0 nonblock' -d 'Keep others out of an existing TARGET: yes (wait for them), no, or nonblock.'
complete -c ghostswap -n '__fish_seen_subcommand_from label' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from label' -s V -l version -d 'Show the version and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from label' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from inspect' -s o -l offset -x -d 'Where in TARGET the area begins, in bytes.'
complete -c ghostswap -n '__fish_seen_subcommand_from inspect' -l scan -d 'Find the areas in the partitions of a disk image.'
complete -c ghostswap -n '__fish_seen_subcommand_from inspect' -l data -d 'Read all data pages and tell how many are not zero.'
complete -c ghostswap -n '__fish_seen_subcommand_from inspect' -l extents -d 'List where a file lies on disk.'
complete -c ghostswap -n '__fish_seen_subcommand_from inspect' -l hexdump -d 'Show the header\'s page byte for byte as well.'
complete -c ghostswap -n '__fish_seen_subcommand_from inspect' -l bytes -d 'Print sizes in bytes, not in KiB.'
complete -c ghostswap -n '__fish_seen_subcommand_from inspect' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from inspect' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -s k -l kernel -x -a '(__ghostswap_joined 6.1 6.6 6.12 6.17 6.18 6.19 7.0 7.1 7.2 7.3 ghost all)' -d 'Kernels that judge: 6.1, 6.6, 6.12, 6.17, 6.18, 6.19, 7.0, 7.1, 7.2, 7.3, ghost (with the ghost swapfile RFC), or all.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -s o -l offset -x -d 'Where in TARGET the area begins, in bytes.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -l scan -d 'Judge the areas in the partitions of a disk image.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -l as -x -a 'file block tmpfs' -d 'file, block or tmpfs: what TARGET stands for, where it is an image of something else.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -l pagesize -x -d 'Page size of the judging kernel, 4K to 64K.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -l endianness -x -a 'native little big' -d 'Byte order of the judging kernel: native, little or big.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -l flags -x -d 'Flags that swapon(2) is called with, a number.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -l ram -x -d 'Memory of the machine in question.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from validate' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from status' -l watch -d 'Go on with a line a second that says what changed, until Ctrl-C.'
complete -c ghostswap -n '__fish_seen_subcommand_from status' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from status' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l pages -x -d 'The memory in question, as \'ghostswap simulate --pages\' takes it.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l exact -d 'Measure all of it, not only 20000 pages.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l seed -x -d 'Draw other pages.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l ram -x -d 'Memory of the machine in question.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l kernel -x -a '6.1 6.6 6.12 6.17 6.18 6.19 7.0 7.1 7.2 7.3 ghost' -d 'Advise for another kernel, whatever this one has.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l goal -x -a 'memory latency disk' -d 'What counts most: memory, latency or disk.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l emit -x -a '(__fish_complete_directories)' -d 'Make this directory, with the files that do it, apply.sh and undo.sh.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l check -x -a '(__fish_complete_directories)' -d 'Compare what --emit predicted in this directory with what there is now.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -s j -l jobs -x -d 'Processes that work side by side.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l plot -r -d 'Draw the result too, into FILE.svg, FILE.png or FILE.pdf.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l html -r -d 'Write the result too as one page, with its picture, into FILE.html.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from advise' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l ram -x -d 'Memory of the machine.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l kernel -x -a '6.1 6.6 6.12 6.17 6.18 6.19 7.0 7.1 7.2 7.3' -d 'Linux whose rules are followed. One of: 6.1, 6.6, 6.12, 6.17, 6.18, 6.19, 7.0, 7.1, 7.2, 7.3.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l design -x -a 'disk classic ghost ghost-dynamic xswap vswap vswap-ste zswap-zram zram' -d 'Where pages go that leave memory: zswap over a ghost swapfile (ghost) or a full one (classic), zram, disk alone, or designs that were posted. One of: disk, classic, ghost, ghost-dynamic, xswap, vswap, vswap-ste, zswap-zram, zram.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l compressor -x -a 'lz4 lz4hc lzo lzo-rle zstd deflate' -d 'Of zswap or zram, by the kernel\'s name. One of: lz4, lz4hc, lzo, lzo-rle, zstd, deflate.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l size -x -d 'Size of the area that a design imagines; 0 for none.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l reclaim -x -a 'two-lists mglru lru' -d 'Which page leaves: by the kernel\'s two lists, by MGLRU, or exactly the one not touched for longest. One of: two-lists, mglru, lru.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l cgroup -x -d '2 charges compressed bytes in zswap to the process, 1 to nobody.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l cpus -x -d 'CPUs that take slots in turn, each from clusters of its own.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l flush-every -x -d 'Faults between two flushes of the statistics of cgroups that reclaim goes by (2 s of them), 0 where they are always fresh.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l kernel-pages -x -d 'Pages that the kernel takes for a process beside page tables.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l folio-order -x -d 'Pages leave in folios of 2 to this power pages, where an area is a device.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l seed -x -d 'Of all that is drawn by lot.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l max-pool-percent -x -d 'zswap\'s parameter: how much of the memory its pool may take.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l accept-threshold-percent -x -d 'zswap\'s parameter: how empty a pool that was full has to be to take pages again.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l zpool -x -a 'zsmalloc zbud z3fold' -d 'zswap\'s allocator, where the kernel has several. One of: zsmalloc, zbud, z3fold.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l mem-limit -x -d 'zram\'s mem_limit; 0 for none.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l recompress -x -a '(__ghostswap_joined lz4 lz4hc lzo lzo-rle zstd deflate)' -d 'Compressor that zram compresses its pages with once more, where that saves memory; up to three, joined by commas.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l writeback -x -a 'huge idle huge_idle' -d 'What zram writes to its backing device in the end, when all pages are idle. One of: huge, idle, huge_idle.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l writeback-limit -x -d 'Most pages that this may be.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l pages -r -a 'mine host pid: cgroup: swap: synthetic: - (__ghostswap_processes)' -d 'The memory: a file or device, pid:N, mine (every process that you may read), synthetic:PAGES:KINDS, or - for standard input. Again for more of it.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l touches -r -a '(__ghostswap_joined zipf: uniform scan loop: hot: u32: csv: oracle: trace:)' -d 'The work: zipf:S, uniform, scan, loop:PART or hot:PART:SHARE, each with @COUNT and joined by commas; or a file of page numbers (.u32, .csv, .oracleGeneral).'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l limit -x -d 'memory.max of the process: a size with its unit (512M), of which the kernel takes its part; or a plain number of page frames.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l write-ratio -x -a 'odd' -d 'Share of touches that write; or odd: those of odd pages.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l changed-ratio -x -d 'Share of written pages that compress otherwise than before.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l swap-max -x -d 'memory.swap.max.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l zswap-max -x -d 'memory.zswap.max.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l set -x -a '(__ghostswap_behind ram= kernel= design= compressor= size= reclaim= cgroup_version= cpus= flush_every= kernel_pages= folio_order= seed= tiers= zswap.max_pool_percent= zswap.accept_threshold_percent= zswap.zpool= zswap.enabled= zswap.shrinker_enabled= zram.disksize= zram.mem_limit= zram.backing_dev= zram.zeromap= zram.recompress= zram.recompress_type= zram.recompress_threshold= zram.writeback= zram.writeback_limit= area[1].path= area[1].type= area[1].size= area[1].prio= area[1].rotational= area[1].discard= source= touches= memory_max= limit_frames= write_ratio= changed_ratio= swap_max= zswap_max= zswap_writeback= swap_tiers_max= parent=)' -d 'Set any key of a scenario; again for another. \'man ghostswap-scenario\' has all.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l classes -d 'Print zsmalloc\'s size classes too, as /sys/kernel/debug/zsmalloc has them.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l sample -x -d 'Measure so many single pages, drawn by lot with --seed, and estimate the rest: all totals come with their 95 % intervals.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -s j -l jobs -x -d 'Processes that work side by side.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -s v -l verbose -d 'Print all counters, histograms and whatever else there is.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l bytes -d 'Print sizes in bytes, not in KiB.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l plot -r -d 'Draw the result too, into FILE.svg, FILE.png or FILE.pdf.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l html -r -d 'Write the result too as one page, with its picture, into FILE.html.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -l scratch -x -a '(__fish_complete_directories)' -d '\'ghostswap measure\' has it.'
complete -c ghostswap -n '__fish_seen_subcommand_from simulate' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -s o -l output -x -a '(__fish_complete_directories)' -d 'The profile to write, whole or not at all. One that is there is replaced.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -l pages -r -a 'mine host pid: cgroup: swap: synthetic: - (__ghostswap_processes)' -d 'The memory, as \'ghostswap simulate\' takes it, or a profile; again for another.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -l sample -x -d 'Measure so many single pages, drawn by lot with --seed, and estimate the rest: all totals come with their 95 % intervals.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -l compressor -x -a 'lz4 lz4hc lzo lzo-rle zstd deflate' -d 'A compressor to measure by; again for another. One of: lz4, lz4hc, lzo, lzo-rle, zstd, deflate.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -l kernel -x -a '6.1 6.6 6.12 6.17 6.18 6.19 7.0 7.1 7.2 7.3' -d 'Linux whose zstd is followed.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -l seed -x -d 'Of the lot that draws pages.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -l names -d 'Keep the names of the sources, which a profile does not have otherwise.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -s j -l jobs -x -d 'Processes that work side by side.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from profile' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l ram -x -d 'Memory of the machine.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l kernel -x -a '6.1 6.6 6.12 6.17 6.18 6.19 7.0 7.1 7.2 7.3' -d 'Linux whose rules are followed. One of: 6.1, 6.6, 6.12, 6.17, 6.18, 6.19, 7.0, 7.1, 7.2, 7.3.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l design -x -a 'disk classic ghost ghost-dynamic xswap vswap vswap-ste zswap-zram zram' -d 'Where pages go that leave memory: zswap over a ghost swapfile (ghost) or a full one (classic), zram, disk alone, or designs that were posted. One of: disk, classic, ghost, ghost-dynamic, xswap, vswap, vswap-ste, zswap-zram, zram.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l compressor -x -a 'lz4 lz4hc lzo lzo-rle zstd deflate' -d 'Of zswap or zram, by the kernel\'s name. One of: lz4, lz4hc, lzo, lzo-rle, zstd, deflate.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l size -x -d 'Size of the area that a design imagines; 0 for none.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l reclaim -x -a 'two-lists mglru lru' -d 'Which page leaves: by the kernel\'s two lists, by MGLRU, or exactly the one not touched for longest. One of: two-lists, mglru, lru.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l cgroup -x -d '2 charges compressed bytes in zswap to the process, 1 to nobody.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l cpus -x -d 'CPUs that take slots in turn, each from clusters of its own.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l flush-every -x -d 'Faults between two flushes of the statistics of cgroups that reclaim goes by (2 s of them), 0 where they are always fresh.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l kernel-pages -x -d 'Pages that the kernel takes for a process beside page tables.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l seed -x -d 'Of all that is drawn by lot.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l max-pool-percent -x -d 'zswap\'s parameter: how much of the memory its pool may take.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l accept-threshold-percent -x -d 'zswap\'s parameter: how empty a pool that was full has to be to take pages again.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l zpool -x -a 'zsmalloc zbud z3fold' -d 'zswap\'s allocator, where the kernel has several. One of: zsmalloc, zbud, z3fold.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l mem-limit -x -d 'zram\'s mem_limit; 0 for none.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l pages -r -a 'mine host pid: cgroup: swap: synthetic: - (__ghostswap_processes)' -d 'The memory: a file or device, pid:N, mine (every process that you may read), synthetic:PAGES:KINDS, or - for standard input. Again for more of it.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l touches -r -a '(__ghostswap_joined zipf: uniform scan loop: hot: u32: csv: oracle: trace:)' -d 'The work: zipf:S, uniform, scan, loop:PART or hot:PART:SHARE, each with @COUNT and joined by commas; or a file of page numbers (.u32, .csv, .oracleGeneral).'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l limit -x -d 'memory.max of the process: a size with its unit (512M), of which the kernel takes its part; or a plain number of page frames.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l write-ratio -x -a 'odd' -d 'Share of touches that write; or odd: those of odd pages.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l changed-ratio -x -d 'Share of written pages that compress otherwise than before.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l swap-max -x -d 'memory.swap.max.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l zswap-max -x -d 'memory.zswap.max.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l set -x -a '(__ghostswap_behind ram= kernel= design= compressor= size= reclaim= cgroup_version= cpus= flush_every= kernel_pages= folio_order= seed= tiers= zswap.max_pool_percent= zswap.accept_threshold_percent= zswap.zpool= zswap.enabled= zswap.shrinker_enabled= zram.disksize= zram.mem_limit= zram.backing_dev= zram.zeromap= zram.recompress= zram.recompress_type= zram.recompress_threshold= zram.writeback= zram.writeback_limit= area[1].path= area[1].type= area[1].size= area[1].prio= area[1].rotational= area[1].discard= source= touches= memory_max= limit_frames= write_ratio= changed_ratio= swap_max= zswap_max= zswap_writeback= swap_tiers_max= parent=)' -d 'Set any key of a scenario; again for another. \'man ghostswap-scenario\' has all.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l band -d 'Also run it as it would go with other timing: counters that differ are given with the least and the most of them.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l curve -x -d 'Print the major faults of all sizes of memory at once, by exact LRU; and what the kernel\'s reclaim makes of --limit and of each LIMIT.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l proc -d 'Also print what /proc/swaps and /proc/meminfo would show of swap.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -s j -l jobs -x -d 'Processes that work side by side.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -s v -l verbose -d 'Print all counters, histograms and whatever else there is.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l bytes -d 'Print sizes in bytes, not in KiB.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l plot -r -d 'Draw the result too, into FILE.svg, FILE.png or FILE.pdf.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l html -r -d 'Write the result too as one page, with its picture, into FILE.html.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from replay' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from capture' -f -a 'pid: cgroup:'
complete -c ghostswap -n '__fish_seen_subcommand_from capture' -l interval -x -d 'From one look to the next, such as 500ms.'
complete -c ghostswap -n '__fish_seen_subcommand_from capture' -l duration -x -d 'How long to watch, such as 60s or 5m; Ctrl-C ends it early.'
complete -c ghostswap -n '__fish_seen_subcommand_from capture' -s o -l output -x -a '(__fish_complete_directories)' -d 'Write the capture to a new FILE, whole or not at all.'
complete -c ghostswap -n '__fish_seen_subcommand_from capture' -s v -l verbose -d 'Print all counters, histograms and whatever else there is.'
complete -c ghostswap -n '__fish_seen_subcommand_from capture' -l bytes -d 'Print sizes in bytes, not in KiB.'
complete -c ghostswap -n '__fish_seen_subcommand_from capture' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from capture' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l ram -x -d 'Memory of the machine.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l kernel -x -a '(__ghostswap_joined 6.1 6.6 6.12 6.17 6.18 6.19 7.0 7.1 7.2 7.3)' -d 'Linux whose rules are followed. One of: 6.1, 6.6, 6.12, 6.17, 6.18, 6.19, 7.0, 7.1, 7.2, 7.3. Several, joined by commas, side by side.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l compressor -x -a 'lz4 lz4hc lzo lzo-rle zstd deflate' -d 'Of zswap or zram, by the kernel\'s name. One of: lz4, lz4hc, lzo, lzo-rle, zstd, deflate.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l size -x -d 'Size of the area that a design imagines; 0 for none.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l reclaim -x -a 'two-lists mglru lru' -d 'Which page leaves: by the kernel\'s two lists, by MGLRU, or exactly the one not touched for longest. One of: two-lists, mglru, lru.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l cgroup -x -d '2 charges compressed bytes in zswap to the process, 1 to nobody.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l cpus -x -d 'CPUs that take slots in turn, each from clusters of its own.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l flush-every -x -d 'Faults between two flushes of the statistics of cgroups that reclaim goes by (2 s of them), 0 where they are always fresh.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l kernel-pages -x -d 'Pages that the kernel takes for a process beside page tables.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l folio-order -x -d 'Pages leave in folios of 2 to this power pages, where an area is a device.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l seed -x -d 'Of all that is drawn by lot.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l max-pool-percent -x -d 'zswap\'s parameter: how much of the memory its pool may take.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l accept-threshold-percent -x -d 'zswap\'s parameter: how empty a pool that was full has to be to take pages again.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l zpool -x -a 'zsmalloc zbud z3fold' -d 'zswap\'s allocator, where the kernel has several. One of: zsmalloc, zbud, z3fold.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l mem-limit -x -d 'zram\'s mem_limit; 0 for none.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l recompress -x -a '(__ghostswap_joined lz4 lz4hc lzo lzo-rle zstd deflate)' -d 'Compressor that zram compresses its pages with once more, where that saves memory; up to three, joined by commas.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l writeback -x -a 'huge idle huge_idle' -d 'What zram writes to its backing device in the end, when all pages are idle. One of: huge, idle, huge_idle.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l writeback-limit -x -d 'Most pages that this may be.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l pages -r -a 'mine host pid: cgroup: swap: synthetic: - (__ghostswap_processes)' -d 'The memory: a file or device, pid:N, mine (every process that you may read), synthetic:PAGES:KINDS, or - for standard input. Again for more of it.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l touches -r -a '(__ghostswap_joined zipf: uniform scan loop: hot: u32: csv: oracle: trace:)' -d 'The work: zipf:S, uniform, scan, loop:PART or hot:PART:SHARE, each with @COUNT and joined by commas; or a file of page numbers (.u32, .csv, .oracleGeneral).'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l limit -x -d 'memory.max of the process: a size with its unit (512M), of which the kernel takes its part; or a plain number of page frames.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l write-ratio -x -a 'odd' -d 'Share of touches that write; or odd: those of odd pages.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l changed-ratio -x -d 'Share of written pages that compress otherwise than before.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l swap-max -x -d 'memory.swap.max.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l zswap-max -x -d 'memory.zswap.max.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l set -x -a '(__ghostswap_behind ram= kernel= design= compressor= size= reclaim= cgroup_version= cpus= flush_every= kernel_pages= folio_order= seed= tiers= zswap.max_pool_percent= zswap.accept_threshold_percent= zswap.zpool= zswap.enabled= zswap.shrinker_enabled= zram.disksize= zram.mem_limit= zram.backing_dev= zram.zeromap= zram.recompress= zram.recompress_type= zram.recompress_threshold= zram.writeback= zram.writeback_limit= area[1].path= area[1].type= area[1].size= area[1].prio= area[1].rotational= area[1].discard= source= touches= memory_max= limit_frames= write_ratio= changed_ratio= swap_max= zswap_max= zswap_writeback= swap_tiers_max= parent=)' -d 'Set any key of a scenario; again for another. \'man ghostswap-scenario\' has all.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l design -x -a 'disk classic ghost ghost-dynamic xswap vswap vswap-ste zswap-zram zram' -d 'One of those to compare; again for another. One of: disk, classic, ghost, ghost-dynamic, xswap, vswap, vswap-ste, zswap-zram, zram.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l sweep -x -a '(__ghostswap_behind size= limit= compressor=)' -d 'Compare once for each of the values of size, limit or compressor: size=64M,128M,256M.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l cost -d 'Add times. They are counts by constants, which are printed: round numbers, not measured.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l sample -x -d 'Measure so many single pages, drawn by lot with --seed, and estimate the rest: all totals come with their 95 % intervals.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -s j -l jobs -x -d 'Processes that work side by side.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l bytes -d 'Print sizes in bytes, not in KiB.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l plot -r -d 'Draw the result too, into FILE.svg, FILE.png or FILE.pdf.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l html -r -d 'Write the result too as one page, with its picture, into FILE.html.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from compare' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from measure' -l pages -r -a 'mine host pid: cgroup: swap: synthetic: - (__ghostswap_processes)' -d 'The memory: a file or device, pid:N, mine (every process), synthetic:PAGES:KINDS, or - for standard input.'
complete -c ghostswap -n '__fish_seen_subcommand_from measure' -l design -x -a 'zswap zram' -d 'What to measure: zswap or zram.'
complete -c ghostswap -n '__fish_seen_subcommand_from measure' -l compressor -x -a 'lz4 lz4hc lzo lzo-rle zstd deflate' -d 'Of zswap or zram, by the kernel\'s name. One of: lz4, lz4hc, lzo, lzo-rle, zstd, deflate.'
complete -c ghostswap -n '__fish_seen_subcommand_from measure' -l mem-limit -x -d 'zram\'s mem_limit.'
complete -c ghostswap -n '__fish_seen_subcommand_from measure' -l scratch -x -a '(__fish_complete_directories)' -d 'Where the swap area for zswap is made.'
complete -c ghostswap -n '__fish_seen_subcommand_from measure' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from measure' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l ram -x -d 'Memory of the machine.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l kernel -x -a '6.1 6.6 6.12 6.17 6.18 6.19 7.0 7.1 7.2 7.3' -d 'Linux whose rules are followed. One of: 6.1, 6.6, 6.12, 6.17, 6.18, 6.19, 7.0, 7.1, 7.2, 7.3.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l design -x -a 'disk classic ghost ghost-dynamic xswap vswap vswap-ste zswap-zram zram' -d 'Where pages go that leave memory: zswap over a ghost swapfile (ghost) or a full one (classic), zram, disk alone, or designs that were posted. One of: disk, classic, ghost, ghost-dynamic, xswap, vswap, vswap-ste, zswap-zram, zram.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l compressor -x -a 'lz4 lz4hc lzo lzo-rle zstd deflate' -d 'Of zswap or zram, by the kernel\'s name. One of: lz4, lz4hc, lzo, lzo-rle, zstd, deflate.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l size -x -d 'Size of the area that a design imagines; 0 for none.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l seed -x -d 'Of all that is drawn by lot.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l max-pool-percent -x -d 'zswap\'s parameter: how much of the memory its pool may take.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l accept-threshold-percent -x -d 'zswap\'s parameter: how empty a pool that was full has to be to take pages again.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l zpool -x -a 'zsmalloc zbud z3fold' -d 'zswap\'s allocator, where the kernel has several. One of: zsmalloc, zbud, z3fold.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l mem-limit -x -d 'zram\'s mem_limit; 0 for none.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l recompress -x -a '(__ghostswap_joined lz4 lz4hc lzo lzo-rle zstd deflate)' -d 'Compressor that zram compresses its pages with once more, where that saves memory; up to three, joined by commas.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l writeback -x -a 'huge idle huge_idle' -d 'What zram writes to its backing device in the end, when all pages are idle. One of: huge, idle, huge_idle.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l writeback-limit -x -d 'Most pages that this may be.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l pages -r -a 'mine host pid: cgroup: swap: synthetic: - (__ghostswap_processes)' -d 'The memory: a file or device, pid:N, mine (every process that you may read), synthetic:PAGES:KINDS, or - for standard input. Again for more of it.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l swap-max -x -d 'memory.swap.max.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l zswap-max -x -d 'memory.zswap.max.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l set -x -a '(__ghostswap_behind ram= kernel= design= compressor= size= reclaim= cgroup_version= cpus= flush_every= kernel_pages= folio_order= seed= tiers= zswap.max_pool_percent= zswap.accept_threshold_percent= zswap.zpool= zswap.enabled= zswap.shrinker_enabled= zram.disksize= zram.mem_limit= zram.backing_dev= zram.zeromap= zram.recompress= zram.recompress_type= zram.recompress_threshold= zram.writeback= zram.writeback_limit= area[1].path= area[1].type= area[1].size= area[1].prio= area[1].rotational= area[1].discard= source= touches= memory_max= limit_frames= write_ratio= changed_ratio= swap_max= zswap_max= zswap_writeback= swap_tiers_max= parent=)' -d 'Set any key of a scenario; again for another. \'man ghostswap-scenario\' has all.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -s f -l force -d 'Overwrite what is in full SWAPFILEs, which pages are really written to.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -s v -l verbose -d 'Print all counters, histograms and whatever else there is.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l bytes -d 'Print sizes in bytes, not in KiB.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from verify' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from examples' -f -a 'slot-waste no-disk ghost-write-fails ghost-writeback ghost-stuck too-small too-large xswap backend-transfer swapoff zram-for-ghost lru-inversion ssd-flag tiers group-writeback'
complete -c ghostswap -n '__fish_seen_subcommand_from examples' -l show -d 'Print the scenario file, run nothing.'
complete -c ghostswap -n '__fish_seen_subcommand_from examples' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from examples' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -l size -x -d 'How much swap there is, used or not: a slot for each 4096 bytes.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -l used -x -d 'How much of it is used, in percent, joined by commas.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -l design -x -a 'classic classic-p3 classic-p4 ghost ghost-dynamic xswap vswap vswap-ste zram all' -d 'A design to list; again for another; or all. One of: classic, classic-p3, classic-p4, ghost, ghost-dynamic, xswap, vswap, vswap-ste, zram.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -l kernel -x -a '6.1 6.6 6.12 6.17 6.18 6.19 7.0 7.1 7.2 7.3' -d 'Linux whose classic, ghost and zram are listed. One of: 6.1, 6.6, 6.12, 6.17, 6.18, 6.19, 7.0, 7.1, 7.2, 7.3.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -l entries -d 'Also count what the published tables leave out: zswap\'s entries, zsmalloc\'s handles.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -l fields -d 'Also print what each design keeps, field by field, gross and net.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -l published -d 'Print what others measured of these designs, with its sources, and nothing else.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -l bytes -d 'Print sizes in bytes, not in KiB.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -l json -d 'Print the result as JSON, in place of the text.'
complete -c ghostswap -n '__fish_seen_subcommand_from overhead' -s h -l help -d 'Show this message and exit.'
complete -c ghostswap -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'
complete -c ghostswap -n '__fish_seen_subcommand_from completion' -s h -l help -d 'Show this message and exit.'
