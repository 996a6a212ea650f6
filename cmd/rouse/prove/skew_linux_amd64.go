package prove

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// skew makes the clock of a process wrong, which is stopped meanwhile. A Go program asks no library for the
// time, so that faketime's preloading does nothing, and Linux has name spaces for other clocks only: what
// it asks is the vDSO (vdso(7)), code that the kernel maps into every process. The process's own copy of
// clock_gettime is replaced by one that asks the kernel and adds to the wall clock; the monotonic clock,
// which timers go by, stays as it is.
func skew(pid int, by time.Duration) error {
	from, to, err := vdso(pid)
	if err != nil {
		return err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	image := make([]byte, to-from)
	if _, err := memory.ReadAt(image, from); err != nil {
		return fmt.Errorf("reading the vDSO: %w", err)
	}
	offset, err := clockIn(image)
	if err != nil {
		return err
	}
	if _, err := memory.WriteAt(skewedClock(by), from+offset); err != nil {
		return fmt.Errorf("writing to the vDSO: %w", err)
	}
	return nil
}

// vdso is where the kernel mapped it.
func vdso(pid int) (from, to int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			_, err := fmt.Sscanf(line, "%x-%x", &from, &to)
			return from, to, err
		}
	}
	return 0, 0, errors.New("the process has no vDSO")
}

// clockIn finds clock_gettime in the vDSO, which is a shared library.
func clockIn(image []byte) (offset int64, err error) {
	library, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, fmt.Errorf("reading the vDSO: %w", err)
	}
	symbols, err := library.DynamicSymbols()
	if err != nil {
		return 0, fmt.Errorf("reading the vDSO's symbols: %w", err)
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return int64(s.Value), nil
		}
	}
	return 0, errors.New("the vDSO has no clock_gettime")
}

// skewedClock is int clock_gettime(clockid_t edi, struct timespec *rsi) in machine code.
func skewedClock(by time.Duration) []byte {
	code := []byte{
		0xb8, 0xe4, 0, 0, 0, // mov eax, 228: clock_gettime(2)
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi: CLOCK_REALTIME is 0
		0x75, 0x07, // jne over the next one
		0x48, 0x81, 0x06, // add qword [rsi], seconds
	}
	code = binary.LittleEndian.AppendUint32(code, uint32(int32(by/time.Second)))
	return append(code, 0xc3) // ret
}
