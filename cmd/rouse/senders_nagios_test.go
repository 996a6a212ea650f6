package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// nagios4 is where Debian, and what is built from source, put Nagios.
var nagios4 = []string{"nagios4", "/usr/sbin/nagios4", "nagios", "/usr/sbin/nagios", "/usr/local/nagios/bin/nagios"}

// tellOfNagios: a service and a host of Nagios' own go wrong and right again; its notifications are `rouse send`.
func tellOfNagios(t *testing.T) {
	story(t)
	var file string
	for _, name := range nagios4 {
		if found, err := exec.LookPath(name); err == nil && file == "" {
			file = found
		}
	}
	if file == "" {
		t.Skip("there is no Nagios: apt-get install --no-install-recommends nagios4-core")
	}
	const service = "nagios"
	ctx := limit(t)
	h := newHouse(t, wish{})
	who, w := h.watched(service), h.wire()
	_, key := h.key("/v1/services/"+service+"/keys", object{"name": "nagios"})
	n := startNagios(ctx, t, file, w.URL, key)

	n.is("PROCESS_SERVICE_CHECK_RESULT;db1;Disk /var;2;DISK CRITICAL - 3 GB free (95%)|free=3GB")
	inc := h.opens(ctx, service, 1, 1, "Disk /var on db1 is CRITICAL: DISK CRITICAL - 3 GB free (95%)", who)
	n.is("ACKNOWLEDGE_SVC_PROBLEM;db1;Disk /var;1;1;0;" + who.handle + ";I am on it")
	h.isManagedBy(inc.Key, who)
	n.is("PROCESS_SERVICE_CHECK_RESULT;db1;Disk /var;0;DISK OK - 40 GB free")
	h.ends(ctx, service, 1)
	h.remembers(inc.Key, "I am on it")

	t.Log("the host, with macros in the command line; 503, also where the alert was stored already")
	w.breaks(2, 1)
	n.is("PROCESS_HOST_CHECK_RESULT;db1;1;CRITICAL - Host unreachable (192.0.2.7)")
	w.heals(ctx, t)
	inc = h.opens(ctx, service, 2, 1, "db1 is DOWN: CRITICAL - Host unreachable (192.0.2.7)", who)
	if inc = h.incident(inc.Key); inc.Alerts != 1 {
		t.Errorf("what was sent again counts twice: %+v", inc)
	}
	n.is("ACKNOWLEDGE_HOST_PROBLEM;db1;1;1;0;somebody else;rebooting")
	h.remembers(inc.Key, `nobody here is called "somebody else"`, "somebody else: rebooting")
	h.isNobodys(inc.Key)
	n.is("PROCESS_HOST_CHECK_RESULT;db1;0;PING OK")
	h.ends(ctx, service, 2)
	w.reports(h, n.version, service)
}

// nagiosCore is a running Nagios.
type nagiosCore struct {
	t        *testing.T
	version  string
	commands string // the pipe that it reads
}

func startNagios(ctx context.Context, t *testing.T, file, url, key string) *nagiosCore {
	t.Helper()
	rouse, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "nagios-") // short, as a socket is in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "rouse.key"), []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"dir": dir, "url": url, "rouse": rouse, "uid": strconv.Itoa(os.Getuid()), "gid": strconv.Itoa(os.Getgid())}
	fill(t, dir, "nagios-objects.cfg", values)
	n := &nagiosCore{t: t, version: "Nagios", commands: filepath.Join(dir, "nagios.cmd")}
	says, _ := exec.CommandContext(ctx, file, "--help").Output() // ends with 1
	if version := regexp.MustCompile(`Nagios Core \S+`).Find(says); version != nil {
		n.version = string(version)
	}
	t.Cleanup(func() {
		for _, name := range []string{"nagios.log", "rouse.log"} {
			if text, _ := os.ReadFile(filepath.Join(dir, name)); t.Failed() {
				t.Logf("%s:\n%s", name, text)
			}
		}
	})
	runs(t, dir, exec.CommandContext(ctx, file, fill(t, dir, "nagios.cfg", values)))
	if !eventually(func() bool { return n.tell("") == nil }) {
		t.Fatal("Nagios does not come up")
	}
	return n
}

// is tells Nagios what is, or what somebody did.
func (n *nagiosCore) is(what string) {
	n.t.Helper()
	if err := n.tell(fmt.Sprintf("[%d] %s\n", time.Now().Unix(), what)); err != nil {
		n.t.Fatal(err)
	}
}

func (n *nagiosCore) tell(line string) error {
	pipe, err := os.OpenFile(n.commands, os.O_WRONLY|syscall.O_NONBLOCK, 0) // fails while nobody reads it
	if err != nil {
		return err
	}
	defer pipe.Close()
	_, err = pipe.WriteString(line)
	return err
}
