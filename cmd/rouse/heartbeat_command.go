package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// beatFlags say which heartbeat is meant, and what its sign says.
type beatFlags struct {
	url, keyFile, service, state, run string
	labels                            []string
	retryFor                          time.Duration
	json                              bool
}

func (c *cli) heartbeatCommand() *cobra.Command {
	var flags beatFlags
	cmd := &cobra.Command{
		Use:   "heartbeat NAME [-- COMMAND ARGUMENT...]",
		Short: "Give a sign of life; or run a job and tell how it went",
		Long: `Heartbeat gives a sign of life of a heartbeat, which Rouse watches: without a sign in time it pages.

With a command it runs that as if it stood there alone: with the same input and output, the signals that it
gets, and its exit status. Rouse is told when it begins and how it ends: a failure pages at once, with the
exit status and the last 4 KiB of what it wrote to standard error; so does a run that takes longer than the
heartbeat allows. Whether Rouse can be told makes no difference to the job: it is tried for --retry-for at
most, and then a warning is written. What the job leaves running in the background should not write to
standard error, which ends with it.

The heartbeat is the one called NAME of the service that the integration key in ROUSE_KEY belongs to; or that
at the address in ROUSE_BEAT_URL, which was shown when it was made. NAME may be missing then; if the address
is that of another heartbeat, a warning says so.`,
		Example: `  # in a crontab: the job's own output is mailed as before
  ROUSE_URL=https://rouse.example
  ROUSE_KEY_FILE=/etc/rouse/key
  30 2 * * *  rouse heartbeat nightly-backup -- /usr/local/bin/backup --all
  */5 * * * * rouse heartbeat queue-worker -- sh -c 'pgrep worker > /dev/null'

  # in a systemd service, by the address alone
  Environment=ROUSE_BEAT_URL_FILE=/etc/rouse/backup.url
  ExecStart=/usr/bin/rouse heartbeat -- /usr/local/bin/backup

  # one sign: alive, or of what is done elsewhere
  rouse heartbeat queue-worker
  rouse heartbeat nightly-backup --state started --run "$JOB_ID"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, command, err := beatArguments(args, cmd.ArgsLenAtDash())
			if err != nil {
				return err
			}
			if err := flags.check(command != nil); err != nil {
				return err
			}
			beat, err := c.beat(name, flags)
			switch {
			case errors.Is(err, errNameless) || err != nil && command == nil:
				return err
			case command == nil:
				return c.giveSign(cmd.Context(), beat, flags)
			case err != nil: // a key that cannot be read is no reason to make no backup
				fmt.Fprintln(c.stderr, "rouse: warning: Rouse will not be told how the job goes:", err)
				beat = nil
			}
			return c.runJob(cmd.Context(), beat, command, cmd.InOrStdin())
		},
	}
	cmd.Flags().StringVar(&flags.url, "url", "", "address of the heartbeat (default ROUSE_BEAT_URL, or ROUSE_BEAT_URL_FILE)")
	cmd.Flags().StringVar(&flags.keyFile, "key-file", "", "file with the integration key (default ROUSE_KEY, or ROUSE_KEY_FILE)")
	cmd.Flags().StringVar(&flags.service, "service", "", "whose heartbeat it is, for a key that is bound to no service")
	cmd.Flags().StringArrayVar(&flags.labels, "label", nil, "name=value, for a heartbeat that watches each value of a label; may be repeated")
	cmd.Flags().StringVar(&flags.state, "state", "", "without a command: "+strings.Join(signStates, ", ")+" (default alive)")
	cmd.Flags().StringVar(&flags.run, "run", "", "without a command: an id of the run, if runs may overlap")
	cmd.Flags().DurationVar(&flags.retryFor, "retry-for", 30*time.Second, "how long to try to tell Rouse; 0 is once")
	cmd.Flags().BoolVar(&flags.json, "json", false, "without a command: write JSON")
	return cmd
}

// signStates are what a sign may say.
var signStates = []string{"alive", "started", "succeeded", "failed"}

// beatArguments parts what stands before -- (dash is how many that are, negative if it is missing) from the command,
// which is nil if there is none.
func beatArguments(args []string, dash int) (name string, command []string, err error) {
	if dash < 0 {
		dash = len(args)
	} else if command = args[dash:]; len(command) == 0 {
		return "", nil, usagef("the command is missing behind --. Run `rouse heartbeat --help`.")
	}
	switch {
	case dash > 1:
		return "", nil, usagef("%q is one argument too many: write -- before the command", args[1])
	case dash == 1:
		name = args[0]
	}
	return name, command, nil
}

// beatTarget is where signs of a heartbeat go.
type beatTarget struct {
	client   *client
	address  string // without a query
	query    url.Values
	name     string // for people
	meant    string // whose address it has to be; "": it was not said, or there is no address
	retryFor time.Duration
}

// check refuses flags that are wrong. with says that there is a command.
func (f beatFlags) check(with bool) error {
	switch {
	case f.retryFor < 0:
		return usagef("--retry-for %s is less than nothing: use 0 to try once, or such as 30s", f.retryFor)
	case with && (f.state != "" || f.run != "" || f.json):
		return usagef("--state, --run and --json are for a sign without a command")
	case f.state != "" && !slices.Contains(signStates, f.state):
		return usagef("--state %q is not known: use %s", f.state, strings.Join(signStates, ", "))
	}
	for _, label := range f.labels {
		if name, _, ok := strings.Cut(label, "="); !ok || name == "" {
			return usagef("--label %q is not name=value", label)
		}
	}
	if f.url != "" {
		if err := setBeatURL(&config{}, f.url); err != nil {
			return usagef("--url %w", err)
		}
	}
	return nil
}

var errNameless = usagef("NAME is missing, or the address of a heartbeat in --url or ROUSE_BEAT_URL. Run `rouse heartbeat --help`.")

var errNoBeat = usagef("it is not said where the sign goes: put the address that was shown when the heartbeat was made into ROUSE_BEAT_URL, " +
	"or the integration key of its service (`rouse token create --service NAME --name cron`) into ROUSE_KEY, or into a file for --key-file")

// beat finds the heartbeat.
func (c *cli) beat(name string, f beatFlags) (*beatTarget, error) {
	cfg, err := parseConfig(c.getenv, clients)
	if err != nil {
		return nil, err
	}
	b := &beatTarget{name: "heartbeat " + clean(name), query: url.Values{}, retryFor: f.retryFor}
	for _, label := range f.labels {
		key, value, _ := strings.Cut(label, "=")
		b.query.Set(key, value)
	}
	switch address := cmp.Or(f.url, cfg.beatURL); {
	case address != "":
		return b, b.at(c, address, name)
	case name == "":
		return nil, errNameless
	}
	b.client, err = c.senderClient(f.keyFile)
	if errors.Is(err, errNoKey) {
		return nil, errNoBeat
	}
	if err != nil {
		return nil, err
	}
	if f.service != "" {
		b.query.Set("service", f.service)
	}
	b.address = b.client.base + "/v1/heartbeat/" + url.PathEscape(name)
	return b, nil
}

// at sends the signs to the address of a heartbeat, which is a secret: errors name the host alone.
func (b *beatTarget) at(c *cli, address, name string) (err error) {
	b.meant = name
	if name == "" {
		b.name = "the heartbeat"
	}
	u, err := url.Parse(address)
	if err != nil {
		return err // setBeatURL saw to it
	}
	if b.client, err = c.client(); err != nil {
		return err
	}
	b.client.base, b.client.token = u.Scheme+"://"+u.Host, ""
	b.address = strings.TrimRight(address, "/")
	return nil
}

// tell gives a sign once. ctx is what may end it.
func (b *beatTarget) tell(ctx context.Context, within time.Duration, body string, query ...string) (json.RawMessage, error) {
	values := url.Values{}
	for name, all := range b.query {
		values[name] = all
	}
	for i := 0; i < len(query); i += 2 {
		if query[i+1] != "" {
			values.Set(query[i], query[i+1])
		}
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	b.client.http.Timeout = within
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.address+"?"+values.Encode(), strings.NewReader(body))
	if err != nil {
		return nil, errors.New("the address of the heartbeat is none") // the error quotes it
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if b.client.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.client.token)
	}
	res, err := b.client.http.Do(req)
	if err != nil {
		return nil, b.client.noAnswer(context.WithoutCancel(ctx), err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, b.client.noAnswer(context.WithoutCancel(ctx), err)
	case res.StatusCode < 300:
		return raw, nil
	}
	refused := b.client.refused(res, raw)
	if r, ok := errors.AsType[*refusal](refused); ok && (r.status == http.StatusUnauthorized || r.status == http.StatusForbidden) && r.problem.Title != "" {
		r.text = clean(b.client.base + " refuses the integration key: " + strings.TrimSuffix(r.problem.text(), "."))
	}
	return nil, refused
}

// heardOf is whose sign was taken in, of what an address answers: "OK" and the name; "" if it does not say.
func heardOf(answer []byte) string {
	if name, ok := strings.CutPrefix(string(answer), "OK "); ok {
		return oneLine(name)
	}
	return ""
}

// warnOfAnother warns if an address, which one copies easily to the next job, is not that of the heartbeat that
// was meant: that one will be silent, and this one tells of two jobs.
func (b *beatTarget) warnOfAnother(stderr io.Writer, answer []byte) {
	if name := heardOf(answer); b.meant != "" && name != "" && !strings.EqualFold(name, oneLine(b.meant)) {
		fmt.Fprintf(stderr, "rouse: warning: the address is that of heartbeat %q, which was told, and not of %q: look at ROUSE_BEAT_URL\n", name, oneLine(b.meant))
	}
}

// giveSign gives one sign and tells whether it was taken in.
func (c *cli) giveSign(ctx context.Context, b *beatTarget, f beatFlags) error {
	var raw json.RawMessage
	err := retry(ctx, b.retryFor, func(within time.Duration) (err error) {
		raw, err = b.tell(ctx, within, "", "state", f.state, "run", f.run)
		return err
	})
	if err != nil {
		return err
	}
	if !json.Valid(raw) { // an address answers in words
		b.warnOfAnother(c.stderr, raw)
		if name := heardOf(raw); name != "" {
			b.name = "heartbeat " + name
		}
		raw = json.RawMessage(`{"outcome":"noted"}`)
	}
	if f.json {
		return c.printJSON(raw)
	}
	return c.print(said("", "Rouse has heard "+b.name+"."))
}

// jobEnded is how a job ended that was run for somebody: its exit status is the program's, and nothing more is said.
type jobEnded struct{ status int }

func (e *jobEnded) Error() string { return fmt.Sprintf("the job ended with exit status %d", e.status) }

// Of a job.
const (
	keptOutput = 4 << 10         // bytes of the end of its standard error are sent
	outputEnds = 5 * time.Second // that standard error may be open when it has ended: what it started may hold it
)

// runJob runs a command and tells Rouse when it begins and how it ends.
func (c *cli) runJob(ctx context.Context, b *beatTarget, command []string, stdin io.Reader) error {
	ctx = context.WithoutCancel(ctx) // the signal that ended it is the job's
	errs := &lastBytes{limit: keptOutput}
	job := exec.Command(command[0], command[1:]...)
	job.Stdin, job.Stdout, job.Stderr, job.WaitDelay = stdin, c.stdout, io.MultiWriter(c.stderr, errs), outputEnds
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	run := rand.Text()[:16]
	if err := job.Start(); err != nil {
		fmt.Fprintln(c.stderr, "rouse: the command cannot be run:", err)
		b.tellEnd(ctx, c.stderr, run, "failed", "cannot be run: "+err.Error(), "")
		return &jobEnded{notStarted(err)}
	}
	begun := b.tellBegin(ctx, run)
	over := make(chan struct{})
	go forward(signals, job.Process, terminal(stdin), over)
	err := job.Wait()
	close(over)
	signal.Stop(signals)
	begun()
	status, exit := howItEnded(job.ProcessState, err)
	state := "succeeded"
	if status != 0 {
		state = "failed"
	}
	b.tellEnd(ctx, c.stderr, run, state, exit, errs.String())
	if status != 0 {
		return &jobEnded{status}
	}
	return nil
}

// tellBegin tells that a run has begun while it is under way, unless b is nil. What it returns ends that, but waits for a try that is
// under way itself: Rouse must not hear of the beginning after the end.
func (b *beatTarget) tellBegin(ctx context.Context, run string) (over func()) {
	if b == nil {
		return func() {}
	}
	pausing, end := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() {
		_ = retry(pausing, b.retryFor, func(within time.Duration) error { // of a failure the end warns
			_, err := b.tell(ctx, within, "", "state", "started", "run", run)
			return err
		})
	})
	return func() { end(); told.Wait() }
}

// tellEnd tells how a run ended, unless b is nil; if it cannot, it warns.
func (b *beatTarget) tellEnd(ctx context.Context, stderr io.Writer, run, state, exit, output string) {
	if b == nil {
		return
	}
	var answer []byte
	err := retry(ctx, b.retryFor, func(within time.Duration) (err error) {
		answer, err = b.tell(ctx, within, output, "state", state, "run", run, "exit", exit)
		return err
	})
	if err != nil {
		fmt.Fprintf(stderr, "rouse: warning: Rouse was not told that %s %s: %v\n", b.name, state, err)
		return
	}
	b.warnOfAnother(stderr, answer)
}

// forward sends the job the signals that come for it. A terminal sends those that are typed there to everybody who
// is in the foreground: the job has them already.
func forward(signals <-chan os.Signal, job *os.Process, typed bool, over <-chan struct{}) {
	for {
		select {
		case s := <-signals:
			if typed && (s == syscall.SIGINT || s == syscall.SIGQUIT) {
				continue
			}
			_ = job.Signal(s) // it has just ended
		case <-over:
			return
		}
	}
}

func terminal(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// notStarted is the exit status that a shell gives for a command that it cannot run.
func notStarted(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return 127
	}
	return 126
}

// howItEnded is a job's exit status as a shell tells it, and what Rouse is told of it. What else went wrong with its
// input or output is not its failure.
func howItEnded(state *os.ProcessState, err error) (status int, exit string) {
	if state == nil {
		return 1, err.Error()
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), "signal: " + ws.Signal().String()
	}
	return state.ExitCode(), strconv.Itoa(state.ExitCode())
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct {
	limit int
	kept  []byte
}

func (l *lastBytes) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p[max(0, len(p)-l.limit):]...)
	if over := len(l.kept) - l.limit; over > 0 {
		l.kept = append(l.kept[:0], l.kept[over:]...)
	}
	return len(p), nil
}

func (l *lastBytes) String() string { return strings.ToValidUTF8(string(l.kept), "") }
