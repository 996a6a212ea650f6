package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: USER_HZ, which is 100 wherever Rouse runs.
const tick = time.Second / 100

// process is a line of /proc/PID/stat: proc(5).
type process struct {
	pid, parent int
	own         time.Duration // processor time, user and system
	reaped      time.Duration // that of children which ended and were waited for
}

func parseProcess(stat string) (p process, err error) {
	head, rest, ok := strings.Cut(stat, " (")
	name := strings.LastIndex(rest, ") ") // a name may have both in it
	if !ok || name < 0 {
		return p, fmt.Errorf("%q is no line of /proc/PID/stat", stat)
	}
	fields := strings.Fields(rest[name+2:]) // from the third on
	if len(fields) < 15 {
		return p, fmt.Errorf("%q is too short for a line of /proc/PID/stat", stat)
	}
	numbers := []string{head, fields[1], fields[11], fields[12], fields[13], fields[14]}
	var n [6]int64
	for i, text := range numbers {
		if n[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return p, fmt.Errorf("reading /proc/PID/stat: %w", err)
		}
	}
	return process{int(n[0]), int(n[1]), time.Duration(n[2]+n[3]) * tick, time.Duration(n[4]+n[5]) * tick}, nil
}

// processes reads all there are; Linux only.
func processes() ([]process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("measuring processor time needs Linux: there is no /proc (%w)", err)
	}
	var all []process
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // ended meanwhile
		}
		p, err := parseProcess(string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// treeTime is the processor time that a process and all below it have used, with those that ended.
func treeTime(all []process, root int) time.Duration {
	var sum time.Duration
	for _, p := range all {
		if p.pid == root {
			sum += p.own + p.reaped
		}
		if p.parent == root && p.pid != root {
			sum += treeTime(all, p.pid)
		}
	}
	return sum
}

// statusMiB reads a size in /proc/PID/status: VmRSS is the resident memory, VmHWM the most it ever was.
func statusMiB(pid int, field string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("measuring memory needs Linux: %w", err)
	}
	kib, err := parseStatus(text, field)
	return float64(kib) / 1024, err
}

func parseStatus(status []byte, field string) (kib int, err error) {
	for line := range bytes.Lines(status) {
		if after, ok := bytes.CutPrefix(line, []byte(field+":")); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(string(after)), " ")
			return strconv.Atoi(number)
		}
	}
	return 0, fmt.Errorf("there is no %s in /proc/PID/status", field)
}

// resetPeak makes VmHWM what VmRSS is: proc(5), clear_refs.
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
