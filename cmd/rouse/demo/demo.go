// Package demo plays Rouse for one person on one machine: a made-up company, its phones, and alerts. The
// server is the real one, in a process of its own that can be killed, and so is its Postgres; the
// providers and the phones are simulated.
//
// It is a client like any other: it makes its world through the REST API, posts alerts as Alertmanager
// does, and answers by phone. It decides nothing. What it shows of decisions it reads in the timeline of
// the incidents.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/term"

	"rouse/cmd/rouse/node"
	"rouse/migrations/localpg"
)

// Config says how to play.
type Config struct {
	Script     bool                // play the fixed story; else what is typed
	Executable string              // rouse itself, to be run as the server
	Environ    []string            // the server's environment, but for its settings
	Getenv     func(string) string // for NO_COLOR, TERM, and what localpg asks for

	Stdin  io.Reader
	Stdout io.Writer
}

// demo is everything that runs.
type demo struct {
	dir     string // holds the server's log, and Postgres
	began   time.Time
	pace    pace
	keys    map[string]string // integration keys by service
	journal *journal
	screen  *screen

	postgres *localpg.Server
	db       *pgxpool.Pool
	process  *node.Process
	phones   *phones
	rest     *rest
	alerts   *alertmanager

	printing sync.WaitGroup
	hush     context.CancelFunc // ends the printing
}

// plainWidth is that of lines which do not go to a terminal.
const plainWidth = 100

// Run plays until the story or the input is over, or ctx ends, and ends with a table of what was sent. The
// error is what of the story did not come true, or why there is nothing to see.
func Run(ctx context.Context, cfg Config) (err error) {
	d := &demo{journal: &journal{}, screen: newScreen(cfg), keys: map[string]string{}, pace: typing}
	keyboard := newKeyboard(cfg)
	if !cfg.Script && keyboard.empty(ctx) {
		d.screen.print("Nobody can type anything here: playing the fixed story, as --script does.\n\n")
		cfg.Script = true
	}
	if cfg.Script {
		d.pace = playing
	}
	defer func() { d.close(err) }()
	if err := d.start(ctx, cfg); err != nil {
		return err
	}
	d.screen.print(d.introduction(ctx, cfg.Script))
	if cfg.Script {
		err = d.play(ctx)
	} else {
		err = d.obey(ctx, keyboard)
	}
	d.curtain()
	counted, errLedger := d.ledger()
	if errLedger == nil {
		d.screen.print("\n" + counted.text(d.screen))
	}
	if ctx.Err() != nil && !cfg.Script {
		err = nil // Ctrl-C is a way to leave
	}
	return errors.Join(err, errLedger)
}

func newScreen(cfg Config) *screen {
	s := &screen{out: cfg.Stdout, width: plainWidth, plain: true}
	f, ok := cfg.Stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.plain = false
	s.paint = cfg.Getenv("NO_COLOR") == "" && cfg.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		s.width = width
	}
	return s
}

// start starts everything, the database first, and makes the world.
func (d *demo) start(ctx context.Context, cfg Config) (err error) {
	d.screen.print("Starting a Postgres, the Rouse server and twelve phones.\n\n")
	if err := d.startPostgres(ctx, cfg.Getenv); err != nil {
		return err
	}
	if d.db, err = pgxpool.New(ctx, d.postgres.URL()); err != nil {
		return err
	}
	address, err := node.FreeNear(18080) // to be remembered
	if cfg.Script {
		address, err = node.FreeAddress() // several may be played at the same time
	}
	if err != nil {
		return err
	}
	d.process = &node.Process{Executable: cfg.Executable, Address: address, Log: filepath.Join(d.dir, "server.log"), Crashed: func() {
		d.journal.add(event{kind: server, who: "server", text: "ended by itself: " + d.process.LastWords()})
	}}
	if d.phones, err = startPhones(d.journal, d.pace.second, d.process.URL()); err != nil {
		return err
	}
	d.process.Environ = append(cfg.Environ, d.settings()...)
	if _, err := d.process.Start(ctx); err != nil {
		return err
	}
	d.rest = newREST(d.process.URL())
	d.alerts = &alertmanager{rest: d.rest, journal: d.journal, keys: d.keys}
	return d.seed(ctx)
}

// startPostgres makes the demo's folder, in the first temporary one that Postgres can reach (it does not
// run as root), and in it a database that is as durable as a real one.
func (d *demo) startPostgres(ctx context.Context, getenv func(string) string) (err error) {
	for _, place := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if d.dir, err = os.MkdirTemp(place, "rouse-demo-"); err != nil {
			return fmt.Errorf("making a folder for the demo: %w", err)
		}
		if err = os.Chmod(d.dir, 0o711); err != nil { // to be passed through
			return err
		}
		d.postgres, err = localpg.Start(ctx, localpg.Options{Dir: filepath.Join(d.dir, "pg"), Temporary: true, Getenv: getenv})
		if !errors.Is(err, localpg.ErrUnreachable) {
			return err
		}
		_ = os.RemoveAll(d.dir) // it is empty, and in a temporary folder
	}
	return err
}

// settings are the server's.
func (d *demo) settings() []string {
	return []string{
		"ROUSE_DATABASE_URL=" + d.postgres.URL(),
		"ROUSE_IMOC_WAIT=" + d.pace.wait.String(),
		"ROUSE_LISTEN=" + d.process.Address,
		"ROUSE_PUBLIC_URL=" + d.process.URL(),
		"ROUSE_ALLOW_PRIVATE_ADDRESSES=true",
		"ROUSE_SPOOL_LIMIT=0",
		"ROUSE_LAST_RESORT=ida",
		"ROUSE_TWILIO_ACCOUNT_SID=" + d.phones.twilio.AccountSID(),
		"ROUSE_TWILIO_AUTH_TOKEN=" + d.phones.twilio.AuthToken(),
		"ROUSE_TWILIO_FROM=+15005550006",
		"ROUSE_TWILIO_BASE_URL=" + d.phones.twilio.URL(),
		"ROUSE_NTFY_URL=" + d.phones.ntfy.URL(),
	}
}

// raise begins the play: from now on events are shown.
func (d *demo) raise() {
	d.screen.print(d.screen.head())
	d.began = time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	d.hush = cancel
	d.printing.Go(func() { d.follow(ctx) })
	d.printing.Go(func() { d.show(ctx) })
}

// curtain ends the play, when what is under way has been shown.
func (d *demo) curtain() {
	if d.hush != nil {
		time.Sleep(2 * holdBack)
		d.hush()
		d.printing.Wait()
	}
}

// close stops everything that was started. After an error the server's log stays.
func (d *demo) close(err error) {
	if d.process != nil {
		d.process.Stop()
	}
	if d.phones != nil {
		d.phones.close()
	}
	if d.db != nil {
		d.db.Close()
	}
	if d.postgres != nil {
		d.postgres.Stop()
	}
	if err != nil && !errors.Is(err, context.Canceled) && d.process != nil {
		d.screen.print("The server's log is " + d.process.Log + "\n")
		return
	}
	_ = os.RemoveAll(d.dir) // it is in a temporary folder: what stays is swept away
}
