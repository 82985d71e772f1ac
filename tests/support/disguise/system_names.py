"""The names of the standard library that Linux has and Windows or macOS lacks. Generated; not meant to be read.

From the branches on `sys.platform` in typeshed's stubs (github.com/python/typeshed, commit 21dff5c0, stdlib/): names
that a stub declares for linux and not for the other system, in any of Python 3.11 to 3.14. Only modules that our code
could import; no members of classes."""

ABSENT_MODULES = {
    "win32": """
        _posixshmem _posixsubprocess crypt fcntl grp nis ossaudiodev posix pty pwd readline resource spwd
        syslog termios tty
    """,
    "darwin": """
        ossaudiodev spwd
    """,
}

ABSENT_NAMES = {
    "win32": {
        "asyncio": """
            FastChildWatcher MultiLoopChildWatcher PidfdChildWatcher SafeChildWatcher ThreadedChildWatcher
            open_unix_connection start_unix_server
        """,
        "asyncio.streams": """
            open_unix_connection start_unix_server
        """,
        "faulthandler": """
            register unregister
        """,
        "mmap": """
            MADV_DODUMP MADV_DOFORK MADV_DONTDUMP MADV_DONTFORK MADV_DONTNEED MADV_FREE MADV_HUGEPAGE
            MADV_HWPOISON MADV_MERGEABLE MADV_NOHUGEPAGE MADV_NORMAL MADV_RANDOM MADV_REMOVE
            MADV_SEQUENTIAL MADV_UNMERGEABLE MADV_WILLNEED MAP_ANON MAP_ANONYMOUS MAP_DENYWRITE
            MAP_EXECUTABLE MAP_POPULATE MAP_PRIVATE MAP_SHARED MAP_STACK PROT_EXEC PROT_READ PROT_WRITE
        """,
        "multiprocessing.context": """
            ForkContext ForkProcess ForkServerContext ForkServerProcess
        """,
        "os": """
            CLD_CONTINUED CLD_DUMPED CLD_EXITED CLD_KILLED CLD_STOPPED CLD_TRAPPED EFD_CLOEXEC
            EFD_NONBLOCK EFD_SEMAPHORE EX_CANTCREAT EX_CONFIG EX_DATAERR EX_IOERR EX_NOHOST EX_NOINPUT
            EX_NOPERM EX_NOUSER EX_OSERR EX_OSFILE EX_PROTOCOL EX_SOFTWARE EX_TEMPFAIL EX_UNAVAILABLE
            EX_USAGE F_LOCK F_TEST F_TLOCK F_ULOCK GRND_NONBLOCK GRND_RANDOM MFD_ALLOW_SEALING MFD_CLOEXEC
            MFD_HUGETLB MFD_HUGE_16GB MFD_HUGE_16MB MFD_HUGE_1GB MFD_HUGE_1MB MFD_HUGE_256MB MFD_HUGE_2GB
            MFD_HUGE_2MB MFD_HUGE_32MB MFD_HUGE_512KB MFD_HUGE_512MB MFD_HUGE_64KB MFD_HUGE_8MB
            MFD_HUGE_MASK MFD_HUGE_SHIFT NGROUPS_MAX O_ACCMODE O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY
            O_DSYNC O_FSYNC O_LARGEFILE O_NDELAY O_NOATIME O_NOCTTY O_NOFOLLOW O_NONBLOCK O_PATH O_RSYNC
            O_SYNC O_TMPFILE POSIX_FADV_DONTNEED POSIX_FADV_NOREUSE POSIX_FADV_NORMAL POSIX_FADV_RANDOM
            POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED POSIX_SPAWN_CLOSE POSIX_SPAWN_DUP2 POSIX_SPAWN_OPEN
            PRIO_PGRP PRIO_PROCESS PRIO_USER P_ALL P_PGID P_PID P_PIDFD RTLD_DEEPBIND RTLD_GLOBAL
            RTLD_LAZY RTLD_LOCAL RTLD_NODELETE RTLD_NOLOAD RTLD_NOW RWF_APPEND RWF_DSYNC RWF_HIPRI
            RWF_NOWAIT RWF_SYNC SCHED_BATCH SCHED_FIFO SCHED_IDLE SCHED_OTHER SCHED_RESET_ON_FORK SCHED_RR
            SEEK_DATA SEEK_HOLE SPLICE_F_MORE SPLICE_F_MOVE SPLICE_F_NONBLOCK ST_APPEND ST_MANDLOCK
            ST_NOATIME ST_NODEV ST_NODIRATIME ST_NOEXEC ST_NOSUID ST_RDONLY ST_RELATIME ST_SYNCHRONOUS
            ST_WRITE WCONTINUED WCOREDUMP WEXITED WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED
            WIFSTOPPED WNOHANG WNOWAIT WSTOPPED WSTOPSIG WTERMSIG WUNTRACED XATTR_CREATE XATTR_REPLACE
            XATTR_SIZE_MAX chown chroot confstr confstr_names copy_file_range ctermid environb eventfd
            eventfd_read eventfd_write fchdir fchmod fchown fdatasync fork forkpty fpathconf fstatvfs
            fwalk get_blocking getegid getenvb geteuid getgid getgrouplist getgroups getloadavg getpgid
            getpgrp getpriority getrandom getresgid getresuid getsid getuid getxattr initgroups killpg
            lchown listxattr lockf login_tty major makedev memfd_create minor mkfifo mknod nice openpty
            pathconf pathconf_names pidfd_open pipe2 posix_fadvise posix_fallocate posix_spawn
            posix_spawnp pread preadv pwrite pwritev readv register_at_fork removexattr
            sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam
            sched_getscheduler sched_param sched_rr_get_interval sched_setaffinity sched_setparam
            sched_setscheduler sched_yield sendfile set_blocking setegid seteuid setgid setgroups setpgid
            setpgrp setpriority setregid setresgid setresuid setreuid setsid setuid setxattr spawnlp
            spawnlpe spawnvp spawnvpe splice statvfs sync sysconf sysconf_names tcgetpgrp tcsetpgrp
            ttyname uname wait wait3 wait4 waitid waitid_result writev
        """,
        "select": """
            EPOLLERR EPOLLET EPOLLEXCLUSIVE EPOLLHUP EPOLLIN EPOLLMSG EPOLLONESHOT EPOLLOUT EPOLLPRI
            EPOLLRDBAND EPOLLRDHUP EPOLLRDNORM EPOLLWRBAND EPOLLWRNORM EPOLL_CLOEXEC PIPE_BUF POLLERR
            POLLHUP POLLIN POLLMSG POLLNVAL POLLOUT POLLPRI POLLRDBAND POLLRDHUP POLLRDNORM POLLWRBAND
            POLLWRNORM epoll poll
        """,
        "selectors": """
            EpollSelector PollSelector
        """,
        "signal": """
            ITIMER_PROF ITIMER_REAL ITIMER_VIRTUAL ItimerError SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT
            SIGHUP SIGIO SIGIOT SIGKILL SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGRTMAX SIGRTMIN SIGSTKFLT
            SIGSTOP SIGSYS SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH
            SIGXCPU SIGXFSZ SIG_BLOCK SIG_SETMASK SIG_UNBLOCK alarm getitimer pause pidfd_send_signal
            pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigtimedwait sigwait
            sigwaitinfo struct_siginfo
        """,
        "socket": """
            AF_ALG AF_ASH AF_ATMPVC AF_ATMSVC AF_AX25 AF_BRIDGE AF_CAN AF_ECONET AF_KEY AF_LLC AF_NETBEUI
            AF_NETLINK AF_NETROM AF_PACKET AF_PPPOX AF_QIPCRTR AF_RDS AF_ROSE AF_ROUTE AF_SECURITY AF_TIPC
            AF_UNIX AF_VSOCK AF_WANPIPE AF_X25 CMSG_LEN CMSG_SPACE EAI_ADDRFAMILY EAI_OVERFLOW EAI_SYSTEM
            IPPROTO_GRE IPPROTO_IPIP IPPROTO_MPTCP IPPROTO_RSVP IPPROTO_TP IPPROTO_UDPLITE IPV6_DSTOPTS
            IPV6_NEXTHOP IPV6_PATHMTU IPV6_RECVDSTOPTS IPV6_RECVHOPLIMIT IPV6_RECVHOPOPTS IPV6_RECVPATHMTU
            IPV6_RECVPKTINFO IPV6_RTHDRDSTOPTS IPV6_RTHDR_TYPE_0 IP_BIND_ADDRESS_NO_PORT
            IP_DEFAULT_MULTICAST_LOOP IP_DEFAULT_MULTICAST_TTL IP_MAX_MEMBERSHIPS IP_RECVOPTS
            IP_RECVRETOPTS IP_RETOPTS IP_TRANSPARENT MSG_CMSG_CLOEXEC MSG_CONFIRM MSG_DONTWAIT MSG_EOR
            MSG_FASTOPEN MSG_MORE MSG_NOSIGNAL PF_CAN PF_PACKET PF_RDS SCM_CREDENTIALS SCM_RIGHTS
            SOCK_CLOEXEC SOCK_NONBLOCK SO_BINDTODEVICE SO_DOMAIN SO_INCOMING_CPU SO_MARK SO_PASSCRED
            SO_PASSSEC SO_PEERCRED SO_PEERSEC SO_PRIORITY SO_PROTOCOL SO_REUSEPORT TCP_CONGESTION TCP_CORK
            TCP_DEFER_ACCEPT TCP_INFO TCP_LINGER2 TCP_NOTSENT_LOWAT TCP_QUICKACK TCP_SYNCNT
            TCP_USER_TIMEOUT TCP_WINDOW_CLAMP recv_fds send_fds sethostname
        """,
        "socketserver": """
            ForkingMixIn ForkingTCPServer ForkingUDPServer ThreadingUnixDatagramServer
            ThreadingUnixStreamServer UnixDatagramServer UnixStreamServer
        """,
        "sys": """
            abiflags getdlopenflags setdlopenflags
        """,
        "time": """
            CLOCK_BOOTTIME CLOCK_MONOTONIC CLOCK_MONOTONIC_RAW CLOCK_PROCESS_CPUTIME_ID CLOCK_REALTIME
            CLOCK_TAI CLOCK_THREAD_CPUTIME_ID clock_getres clock_gettime clock_gettime_ns clock_settime
            clock_settime_ns pthread_getcpuclockid tzset
        """,
    },
    "darwin": {
        "fcntl": """
            DN_ACCESS DN_ATTRIB DN_CREATE DN_DELETE DN_MODIFY DN_MULTISHOT DN_RENAME F_ADD_SEALS F_EXLCK
            F_GETLK64 F_GETPIPE_SZ F_GETSIG F_GET_SEALS F_NOTIFY F_SEAL_GROW F_SEAL_SEAL F_SEAL_SHRINK
            F_SEAL_WRITE F_SETLK64 F_SETLKW64 F_SETPIPE_SZ F_SETSIG F_SHLCK LOCK_MAND LOCK_READ LOCK_RW
            LOCK_WRITE
        """,
        "mmap": """
            MADV_DODUMP MADV_DOFORK MADV_DONTDUMP MADV_DONTFORK MADV_HUGEPAGE MADV_HWPOISON MADV_MERGEABLE
            MADV_NOHUGEPAGE MADV_REMOVE MADV_UNMERGEABLE MAP_DENYWRITE MAP_EXECUTABLE MAP_POPULATE
            MAP_STACK
        """,
        "os": """
            EFD_CLOEXEC EFD_NONBLOCK EFD_SEMAPHORE GRND_NONBLOCK GRND_RANDOM MFD_ALLOW_SEALING MFD_CLOEXEC
            MFD_HUGETLB MFD_HUGE_16GB MFD_HUGE_16MB MFD_HUGE_1GB MFD_HUGE_1MB MFD_HUGE_256MB MFD_HUGE_2GB
            MFD_HUGE_2MB MFD_HUGE_32MB MFD_HUGE_512KB MFD_HUGE_512MB MFD_HUGE_64KB MFD_HUGE_8MB
            MFD_HUGE_MASK MFD_HUGE_SHIFT O_DIRECT O_LARGEFILE O_NOATIME O_PATH O_RSYNC O_TMPFILE
            POSIX_FADV_DONTNEED POSIX_FADV_NOREUSE POSIX_FADV_NORMAL POSIX_FADV_RANDOM
            POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED P_PIDFD RTLD_DEEPBIND RWF_APPEND RWF_DSYNC RWF_HIPRI
            RWF_NOWAIT RWF_SYNC SCHED_BATCH SCHED_IDLE SCHED_RESET_ON_FORK SPLICE_F_MORE SPLICE_F_MOVE
            SPLICE_F_NONBLOCK ST_APPEND ST_MANDLOCK ST_NOATIME ST_NODEV ST_NODIRATIME ST_NOEXEC
            ST_RELATIME ST_SYNCHRONOUS ST_WRITE XATTR_CREATE XATTR_REPLACE XATTR_SIZE_MAX copy_file_range
            eventfd eventfd_read eventfd_write fdatasync getrandom getresgid getresuid getxattr listxattr
            memfd_create pidfd_open pipe2 posix_fadvise posix_fallocate removexattr sched_getaffinity
            sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setparam
            sched_setscheduler setresgid setresuid setxattr splice waitid waitid_result
        """,
        "resource": """
            RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_OFILE RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING
            RUSAGE_THREAD prlimit
        """,
        "select": """
            EPOLLERR EPOLLET EPOLLEXCLUSIVE EPOLLHUP EPOLLIN EPOLLMSG EPOLLONESHOT EPOLLOUT EPOLLPRI
            EPOLLRDBAND EPOLLRDHUP EPOLLRDNORM EPOLLWRBAND EPOLLWRNORM EPOLL_CLOEXEC POLLMSG POLLRDHUP
            epoll
        """,
        "selectors": """
            EpollSelector
        """,
        "signal": """
            SIGCLD SIGPOLL SIGPWR SIGRTMAX SIGRTMIN SIGSTKFLT pidfd_send_signal sigtimedwait sigwaitinfo
            struct_siginfo
        """,
        "socket": """
            AF_ALG AF_ASH AF_ATMPVC AF_ATMSVC AF_AX25 AF_BRIDGE AF_CAN AF_ECONET AF_IRDA AF_KEY AF_LLC
            AF_NETBEUI AF_NETLINK AF_NETROM AF_PACKET AF_PPPOX AF_QIPCRTR AF_RDS AF_ROSE AF_SECURITY
            AF_TIPC AF_VSOCK AF_WANPIPE AF_X25 IPPROTO_MPTCP IPPROTO_UDPLITE IP_BIND_ADDRESS_NO_PORT
            IP_TRANSPARENT MSG_CMSG_CLOEXEC MSG_CONFIRM MSG_ERRQUEUE MSG_FASTOPEN MSG_MORE PF_CAN
            PF_PACKET PF_RDS SCM_CREDENTIALS SOCK_CLOEXEC SOCK_NONBLOCK SO_BINDTODEVICE SO_DOMAIN
            SO_INCOMING_CPU SO_MARK SO_PASSCRED SO_PASSSEC SO_PEERCRED SO_PEERSEC SO_PRIORITY SO_PROTOCOL
            TCP_CONGESTION TCP_CORK TCP_DEFER_ACCEPT TCP_INFO TCP_KEEPIDLE TCP_LINGER2 TCP_QUICKACK
            TCP_SYNCNT TCP_USER_TIMEOUT TCP_WINDOW_CLAMP
        """,
        "time": """
            CLOCK_BOOTTIME CLOCK_TAI pthread_getcpuclockid
        """,
    },
}
