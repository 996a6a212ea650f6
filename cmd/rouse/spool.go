package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"rouse/api/spool"
	"rouse/engine"
	"rouse/engine/pager"
	"rouse/migrations/localpg"
)

// spoolSettings are of what keeps alerts while the database is away.
type spoolSettings struct {
	dir   string // "": see spoolDir
	limit int64  // bytes; 0: none is kept
}

const minSpool = 10 << 20 // bytes: an alert with its original may have nearly 1 MB

var (
	byteCount = regexp.MustCompile(`^(?i)([0-9]{1,9}) ?([kmg]?)i?b?$`)
	byteUnits = map[string]int64{"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
)

// parseBytes reads a number of bytes with a unit, of which each is 1024 of the one before.
func parseBytes(text string) (int64, bool) {
	m := byteCount.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return n * byteUnits[strings.ToLower(m[2])], err == nil
}

func setSpoolLimit(c *config, value string) error {
	n, ok := parseBytes(value)
	if !ok || n != 0 && n < minSpool {
		return errors.New("is no such size: set it to 10MB or more, such as 100MB, or to 0 to keep none")
	}
	c.spool.limit = n
	return nil
}

func checkFolder(value string) error {
	if !filepath.IsAbs(value) {
		return errors.New("depends on where Rouse is started: set it to a whole path, such as /var/lib/rouse/spool")
	}
	return nil
}

// spoolDir is the folder of the spool: the one that is set, else one below that which systemd made for the
// service (StateDirectory= in systemd.exec(5)), else one beside that of a private database. "" if there is
// none to be had.
func spoolDir(cfg config, getenv func(string) string) string {
	if cfg.spool.dir != "" {
		return cfg.spool.dir
	}
	if state, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(state) {
		return filepath.Join(state, "spool")
	}
	if private := localpg.DefaultDir(getenv); private != "" {
		return filepath.Join(filepath.Dir(private), "spool")
	}
	return ""
}

// newSpool puts a spool before the pager, and says where it is: nobody else does.
func newSpool(cfg config, getenv func(string) string, next spool.Receiver, log *slog.Logger) *spool.Spool {
	s := spool.New(spool.Config{Dir: spoolDir(cfg, getenv), Limit: cfg.spool.limit, Next: next, Log: log})
	switch st := s.State(); {
	case st.Dir == "" && cfg.spool.limit > 0:
		log.Warn("NO SPOOL: alerts that come while the database is away are refused, as there is no folder to keep them in. Set ROUSE_SPOOL_DIR")
	case !st.Off && st.Trouble == "":
		log.Info("alerts that come while the database is away are kept on disk", "dir", st.Dir, "limit", st.Limit)
	}
	return s
}

// spooled is the engine as the intake has it: alerts go through the spool.
type spooled struct {
	pager.Engine
	spool *spool.Spool
}

func (s spooled) Receive(ctx context.Context, a engine.Alert) (pager.Received, error) {
	return s.spool.Receive(ctx, a)
}

// spoolFinding is the line of /readyz and doctor about the spool. It fails where what was accepted needs
// somebody, or what will come would be lost while the database is away.
func spoolFinding(st spool.State) finding {
	f := finding{"spool", pass, st.String()}
	switch {
	case st.Off:
		f.Status = warn
	case !st.Well():
		f.Status = fail
	case st.Alerts > 0:
		f.Status = warn
	}
	return f
}
