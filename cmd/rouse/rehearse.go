package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"rouse/engine/pager"
)

func pointNames() string {
	var names []string
	for _, p := range pager.Points() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

func setClockOffset(c *config, value string) (err error) {
	if c.clockOffset, err = time.ParseDuration(value); err != nil {
		return errors.New("is no such time: set it to a duration such as 2h or 90s, or unset it")
	}
	return nil
}

func setDieAt(c *config, value string) error {
	name, times, counted := strings.Cut(value, ":")
	c.dieAt = pager.Point(name)
	if !slices.Contains(pager.Points(), c.dieAt) {
		return fmt.Errorf("names no point: choose from %s", pointNames())
	}
	if !counted {
		return nil
	}
	n, err := strconv.Atoi(times)
	if err != nil || n < 1 {
		return errors.New("has no count after its colon: set it to something like tick-due:3, from 1 up")
	}
	c.dieAfter = n - 1
	return nil
}

// dieAt is what kills this process, as kill -9 does, when a point has been passed so often; nil if it is
// to live.
func dieAt(at pager.Point, after int) func(pager.Point) {
	if at == "" {
		return nil
	}
	var passed atomic.Int64
	return func(p pager.Point) {
		if p != at || passed.Add(1) <= int64(after) {
			return
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // nobody can refuse it
		select {}
	}
}
