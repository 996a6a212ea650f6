package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rouse/api/spool"
	"rouse/migrations/dbtest"
)

func TestSizesInSettings(t *testing.T) {
	for value, want := range map[string]int64{"100MB": 100 << 20, "100 MiB": 100 << 20, "1g": 1 << 30, "20480K": 20 << 20, "10485760": 10 << 20, "10485760B": 10 << 20, "0": 0, "0 MB": 0,
		"999999999GB": 999999999 << 30} {
		cfg, err := parseConfig(settingsOf("ROUSE_SPOOL_LIMIT="+value), server)
		if err != nil || cfg.spool.limit != want {
			t.Errorf("%s: got %d, %v", value, cfg.spool.limit, err)
		}
	}
	for _, value := range []string{"-1", "1MB", "100", "1.5GB", "much", "100MBit", "9999999999", "1e9", "MB", "100 M B"} {
		if _, err := parseConfig(settingsOf("ROUSE_SPOOL_LIMIT="+value), server); err == nil || !strings.Contains(err.Error(), "10MB or more") {
			t.Errorf("%s: got %v", value, err)
		}
	}
	if cfg, err := parseConfig(settingsOf(), server); err != nil || cfg.spool.limit != spool.DefaultLimit || cfg.spool.dir != "" {
		t.Errorf("got %+v, %v", cfg.spool, err)
	}
	if _, err := parseConfig(settingsOf("ROUSE_SPOOL_DIR=spool"), server); err == nil || !strings.Contains(err.Error(), "set it to a whole path") {
		t.Errorf("got %v", err)
	}
}

func TestWhereTheSpoolIs(t *testing.T) {
	beside := filepath.Dir(privateDir(config{}, settingsOf("HOME=/home/ann")))
	for _, test := range []struct{ setting, env, want string }{
		{"/srv/spool", "STATE_DIRECTORY=/var/lib/rouse-eu", "/srv/spool"},
		{"", "STATE_DIRECTORY=/var/lib/rouse-eu:/var/lib/other", "/var/lib/rouse-eu/spool"},
		{"", "HOME=/home/ann", filepath.Join(beside, "spool")},
	} {
		if got := spoolDir(config{spool: spoolSettings{dir: test.setting}}, settingsOf(test.env)); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

func TestSpoolInReadyz(t *testing.T) {
	well := spool.State{Dir: "/spool", Limit: spool.DefaultLimit, Free: spool.DefaultLimit}
	waits, full, refused, off := well, well, well, spool.State{Off: true}
	waits.Alerts, waits.Since = 3, time.Now()
	full.Free = 0
	refused.Refused = 1
	for want, states := range map[verdict][]spool.State{pass: {well}, warn: {waits, off}, fail: {full, refused, {Trouble: "permission denied"}}} {
		for _, st := range states {
			if got := spoolFinding(st); got.Status != want || got.Text == "" || got.Check != "spool" {
				t.Errorf("%+v: got %+v, want %s", st, got, want)
			}
		}
	}
	// Anybody may read /readyz; doctor's reader knows the folder.
	dir := t.TempDir()
	address := "ROUSE_DATABASE_URL=" + dbtest.URL(t)
	url, log, _ := serving(t, address, "ROUSE_SPOOL_LIMIT=50MB", "ROUSE_SPOOL_DIR="+dir)
	if _, body := getText(t, url+"/readyz"); !strings.Contains(body, "empty, 50 MB free") || strings.Contains(body, dir) {
		t.Errorf("/readyz: %s", body)
	}
	if _, body := getText(t, url+"/metrics"); !strings.Contains(body, "\nrouse_spool_alerts 0\n") {
		t.Error("/metrics lacks rouse_spool_alerts")
	}
	out, _, _ := call(t, settingsOf(address, "ROUSE_PUBLIC_URL="+url, "ROUSE_SPOOL_DIR="+dir), "doctor")
	if !strings.Contains(out, "server: spool") || !strings.Contains(out, "empty, 50 MB free, in "+dir) {
		t.Errorf("doctor: %s", out)
	}
	if !strings.Contains(log.String(), "dir="+dir) {
		t.Error("the log does not say where it is")
	}
}
