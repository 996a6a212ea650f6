package spool

import (
	"math"
	"syscall"
)

// freeOn is how many bytes this process may still write to the disk that a folder is on; very many if that
// cannot be told.
func freeOn(dir string) int64 {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil || st.Bsize <= 0 {
		return math.MaxInt64
	}
	return int64(min(st.Bavail, uint64(math.MaxInt64/st.Bsize))) * st.Bsize
}
