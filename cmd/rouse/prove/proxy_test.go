package prove

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

const soon = 5 * time.Second

// echoing is a server that says everything back, behind a proxy.
func echoing(t *testing.T) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	p, err := newProxy(to("tcp", l.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

func dialled(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.address, soon)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// says sends a line and gives what comes back within a time.
func says(t *testing.T, c net.Conn, line string, within time.Duration) (string, error) {
	t.Helper()
	if line != "" {
		if _, err := io.WriteString(c, line+"\n"); err != nil {
			return "", err
		}
	}
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	back, err := bufio.NewReader(c).ReadString('\n')
	return back, err
}

func TestProxyPassesBytesBothWaysAndTheEnd(t *testing.T) {
	c := dialled(t, echoing(t))
	if back, err := says(t, c, "hello", soon); back != "hello\n" {
		t.Fatal(back, err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if back, err := says(t, c, "", soon); back != "" || !errors.Is(err, io.EOF) {
		t.Error(back, err)
	}
}

func TestACutResetsAndRefusesUntilItIsHealed(t *testing.T) {
	p := echoing(t)
	c := dialled(t, p)
	if _, err := says(t, c, "hello", soon); err != nil {
		t.Fatal(err)
	}
	p.cut()
	if _, err := says(t, c, "", soon); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v", err)
	}
	if _, err := net.DialTimeout("tcp", p.address, soon); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection got %v", err)
	}
	if err := p.heal(); err != nil {
		t.Fatal(err)
	}
	if back, err := says(t, dialled(t, p), "again", soon); back != "again\n" {
		t.Error(back, err)
	}
}

func TestAHangHoldsEverythingBackAndLosesNothing(t *testing.T) {
	p := echoing(t)
	c := dialled(t, p)
	if _, err := says(t, c, "hello", soon); err != nil {
		t.Fatal(err)
	}
	p.hang()
	p.hang() // told twice
	if back, err := says(t, c, "held", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("came through: %q %v", back, err)
	}
	late := dialled(t, p) // is taken
	if back, err := says(t, late, "late", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("came through: %q %v", back, err)
	}
	if err := p.heal(); err != nil {
		t.Fatal(err)
	}
	for c, line := range map[net.Conn]string{c: "held\n", late: "late\n"} {
		if back, err := says(t, c, "", soon); back != line {
			t.Errorf("after it: %q %v", back, err)
		}
	}
}

func TestAHangCanBeCut(t *testing.T) {
	p := echoing(t)
	c := dialled(t, p)
	if _, err := says(t, c, "hello", soon); err != nil {
		t.Fatal(err)
	}
	p.hang()
	if _, err := says(t, c, "held", 20*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	p.cut()
	if back, err := says(t, c, "", soon); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection lives: %q %v", back, err)
	}
}

func TestADelayIsKeptBothWaysInOrder(t *testing.T) {
	p := echoing(t)
	c := dialled(t, p)
	p.slow(60 * time.Millisecond)
	began := time.Now()
	if _, err := io.WriteString(c, "one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, 8)
	if err := c.SetReadDeadline(began.Add(soon)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, back); err != nil || string(back) != "one\ntwo\n" {
		t.Fatal(string(back), err)
	}
	if took := time.Since(began); took < 120*time.Millisecond || took > time.Second {
		t.Errorf("took %s", took)
	}
}

func TestNobodyBehindTheProxyEndsTheConnection(t *testing.T) {
	p, err := newProxy(func() (net.Conn, error) { return nil, errors.New("nobody") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	c, err := net.DialTimeout("tcp", p.address, soon)
	if errors.Is(err, syscall.ECONNRESET) {
		return // so soon
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := says(t, c, "", soon); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection ended with %v", err)
	}
}
