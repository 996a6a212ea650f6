package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// report is the body of POST /v1/alerts.
type report struct {
	Summary  string            `json:"summary,omitempty"`
	Severity string            `json:"severity,omitempty"`
	Service  string            `json:"service,omitempty"`
	DedupKey string            `json:"dedup_key,omitempty"`
	Action   string            `json:"action,omitempty"`
	Details  string            `json:"details,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Links    []string          `json:"links,omitempty"`
	By       string            `json:"by,omitempty"`
	Note     string            `json:"note,omitempty"`
	At       string            `json:"at,omitempty"`
}

// sendFlags say what is sent, and how; what they say of the report counts before what is found elsewhere.
type sendFlags struct {
	report
	labels         []string
	keyFile        string
	nagios, icinga bool
	retryFor       time.Duration
	json           bool
}

// Nagios kills a notification command after 30 s, Icinga 2 after 60.
const defaultRetry = 25 * time.Second

func (c *cli) sendCommand() *cobra.Command {
	var flags sendFlags
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Report trouble, or that it is over; also for Nagios and Icinga",
		Long: `Send posts an alert to the Rouse at ROUSE_URL with the integration key in ROUSE_KEY, and tells which incident
it opened or joined. "rouse token create --service NAME" makes the key; "rouse token list --service NAME"
shows which there are and when each was last used. If Rouse cannot be reached or cannot take the alert, it
tries again; however often, the alert counts once. It ends with 0 once the alert is stored, 1 if it is not,
and 2 if it was asked wrongly.

Alerts with the same --dedup-key are the same trouble; --action resolve with that key ends it.

With --nagios or --icinga the alert is made of the macros of a notification in the environment. A problem
triggers, a recovery resolves, an acknowledgement acknowledges if its author is a person whom Rouse knows;
flapping, downtimes and custom notifications become lines in the timeline of the incident, if one is open.
Flags count before macros. The dedup key is nagios/HOST or nagios/HOST/SERVICE, or begins with icinga.

Without enable_environment_macros, Nagios can set them in the command line: NAGIOS_HOSTNAME='$HOSTNAME$' …
NAGIOS_NOTIFICATIONTYPE and NAGIOS_HOSTNAME are needed; what is wrong is said by NAGIOS_HOSTSTATE and
NAGIOS_HOSTOUTPUT, or by NAGIOS_SERVICEDESC, NAGIOS_SERVICESTATE and NAGIOS_SERVICEOUTPUT. Who acknowledged
or commented is said by NAGIOS_NOTIFICATIONAUTHORNAME, else NAGIOS_NOTIFICATIONAUTHOR, and what they said by
NAGIOS_NOTIFICATIONCOMMENT: an acknowledgement of nobody whom Rouse knows is a line in the timeline, and the
paging goes on.`,
		Example: `  rouse send --summary "Disk full on db1" --severity critical --dedup-key disk-db1 --label host=db1
  rouse send --action resolve --dedup-key disk-db1
  df -h | rouse send --summary "Disk full on db1" --link https://grafana.example/d/disk --details -

  # Nagios, with enable_environment_macros=1; for hosts the same
  define command {
      command_name  rouse
      command_line  env ROUSE_URL=https://rouse.example rouse send --nagios --key-file /etc/nagios/rouse.key
  }

  # Icinga 2; for hosts without the lines of SERVICE, and with HOSTSTATE = "$host.state$"
  # and HOSTOUTPUT = "$host.output$"
  object NotificationCommand "rouse-service" {
      command = [ "/usr/local/bin/rouse", "send", "--icinga" ]
      env = {
          ROUSE_URL = "https://rouse.example"
          ROUSE_KEY_FILE = "/etc/icinga2/rouse.key"
          NOTIFICATIONTYPE = "$notification.type$"
          NOTIFICATIONAUTHORNAME = "$notification.author$"
          NOTIFICATIONCOMMENT = "$notification.comment$"
          HOSTNAME = "$host.name$"
          HOSTADDRESS = "$address$"
          SERVICEDESC = "$service.name$"
          SERVICESTATE = "$service.state$"
          SERVICEOUTPUT = "$service.output$"
      }
  }`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := flags.alert(c.getenv, cmd.InOrStdin())
			if err != nil {
				return err
			}
			api, err := c.senderClient(flags.keyFile)
			if err != nil {
				return err
			}
			raw, got, err := api.send(cmd.Context(), in, flags.retryFor)
			if err != nil {
				return err
			}
			if got.Remark != "" {
				fmt.Fprintln(c.stderr, "rouse: remark:", oneLine(got.Remark))
			}
			if flags.json {
				return c.printJSON(raw)
			}
			return c.print(said("", got.text(in)))
		},
	}
	flags.add(cmd)
	return cmd
}

func (f *sendFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.Summary, "summary", "", "what is wrong, in one line")
	cmd.Flags().StringVar(&f.Severity, "severity", "", "1, 2, 3, or a word such as critical or warning (default major)")
	cmd.Flags().StringVar(&f.Service, "service", "", "whose trouble it is, for a key that is bound to no service")
	cmd.Flags().StringVar(&f.DedupKey, "dedup-key", "", "alerts with the same one are the same trouble; without it each is one")
	cmd.Flags().StringVar(&f.Action, "action", "", strings.Join(sentActions, ", ")+" (default trigger)")
	cmd.Flags().StringVar(&f.Details, "details", "", "what else there is to know; - reads standard input")
	cmd.Flags().StringArrayVar(&f.Links, "link", nil, "address of a dashboard or runbook; may be repeated")
	cmd.Flags().StringArrayVar(&f.labels, "label", nil, "name=value, for rules to look at; may be repeated")
	cmd.Flags().StringVar(&f.By, "by", "", "handle of the person who acknowledged or commented")
	cmd.Flags().StringVar(&f.Note, "note", "", "what they said")
	cmd.Flags().BoolVar(&f.nagios, "nagios", false, "read a notification of Nagios from the environment: NAGIOS_HOSTNAME …")
	cmd.Flags().BoolVar(&f.icinga, "icinga", false, "read a notification of Icinga from the environment: HOSTNAME …")
	cmd.Flags().StringVar(&f.keyFile, "key-file", "", "file with the integration key (default ROUSE_KEY, or ROUSE_KEY_FILE)")
	cmd.Flags().DurationVar(&f.retryFor, "retry-for", defaultRetry, "how long to try; 0 is once")
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON, as the server answers")
}

// sentActions are those that scripts have a use for.
var sentActions = []string{"trigger", "resolve", "acknowledge", "comment", "record"}

// maxSentDetails is how many bytes of standard input are sent; the server keeps as many.
const maxSentDetails = 64 << 10

// alert is what is to be sent.
func (f sendFlags) alert(getenv func(string) string, stdin io.Reader) (in report, err error) {
	switch {
	case f.nagios && f.icinga:
		return in, usagef("--nagios and --icinga exclude each other")
	case f.nagios:
		in, err = nagios.report(getenv)
	case f.icinga:
		in, err = icinga.report(getenv)
	}
	if err != nil {
		return in, err
	}
	for _, field := range []struct {
		to   *string
		flag string
	}{{&in.Summary, f.Summary}, {&in.Severity, f.Severity}, {&in.Service, f.Service}, {&in.DedupKey, f.DedupKey}, {&in.Action, f.Action},
		{&in.Details, f.Details}, {&in.By, f.By}, {&in.Note, f.Note}} {
		if field.flag != "" {
			*field.to = field.flag
		}
	}
	in.Links = append(slices.Clone(f.Links), in.Links...)
	labels, err := pairs(f.labels)
	if err != nil {
		return in, err
	}
	for name, value := range labels {
		if in.Labels == nil {
			in.Labels = map[string]string{}
		}
		in.Labels[name] = value
	}
	if f.Details == "-" {
		text, err := io.ReadAll(io.LimitReader(stdin, maxSentDetails))
		if err != nil {
			return in, fmt.Errorf("standard input cannot be read: %w", err)
		}
		in.Details = string(text)
	}
	return in, in.check(f.retryFor)
}

// check refuses what cannot have been meant.
func (in report) check(retryFor time.Duration) error {
	pages := in.Action == "" || in.Action == "trigger"
	switch {
	case in.Action != "" && !slices.Contains(sentActions, in.Action):
		return usagef("--action %q is not known: use %s", in.Action, strings.Join(sentActions, ", "))
	case strings.TrimSpace(in.Summary) == "" && (pages || in.Action == "record"):
		return usagef("--summary is missing: say in a line what is wrong")
	case in.DedupKey == "" && !pages && in.Action != "record":
		return usagef("--dedup-key is missing: it says of which trouble, and is that of the alert that opened it")
	case in.Action == "comment" && in.Note == "":
		return usagef("--note is missing: say what is to stand in the timeline")
	case retryFor < 0:
		return usagef("--retry-for %s is less than nothing: use 0 to try once, or such as 25s", retryFor)
	}
	return nil
}

var errNoKey = usagef("there is no integration key: `rouse token create --service NAME --name nagios` makes one " +
	"(`rouse token list --service NAME` lists those there are); put it into ROUSE_KEY, or into a file for --key-file")

// senderClient is a client that shows an integration key.
func (c *cli) senderClient(keyFile string) (*client, error) {
	cfg, err := parseConfig(c.getenv, clients)
	if err != nil {
		return nil, err
	}
	key := cfg.key
	if keyFile != "" {
		if key, err = readSecret(keyFile); err != nil {
			return nil, usagef("--key-file %s cannot be used: %w", keyFile, err)
		}
	}
	if key == "" {
		return nil, errNoKey
	}
	api, err := c.client()
	if err != nil {
		return nil, err
	}
	api.token = key
	return api, nil
}

// sent is what became of an alert.
type sent struct {
	Key     string `json:"key"`
	Outcome string `json:"outcome"`
	Why     string `json:"why"`
	Remark  string `json:"remark"` // what was not understood
}

// text tells it in a line.
func (s sent) text(in report) string {
	text := strings.TrimSpace(s.Key + " " + s.Outcome)
	if s.Why != "" {
		return text + ": " + s.Why
	}
	if in.Summary != "" {
		return text + ": " + oneLine(in.Summary)
	}
	return text + "."
}

// send posts an alert until it is stored, or for so long.
func (c *client) send(ctx context.Context, in report, retryFor time.Duration) (raw json.RawMessage, got sent, err error) {
	once := "Idempotency-Key: " + rand.Text() // however often it is posted, it counts once
	err = retry(ctx, retryFor, func(within time.Duration) error {
		c.http.Timeout = within
		raw, err = c.do(ctx, http.MethodPost, "/v1/alerts", in, &got, once)
		return err
	})
	switch {
	case hasStatus(err, http.StatusUnauthorized):
		err = fmt.Errorf("%s does not know the integration key, or it was revoked: `rouse token list --service NAME` shows those there are", c.base)
	case hasStatus(err, http.StatusForbidden):
		refused, _ := errors.AsType[*refusal](err)
		err = fmt.Errorf("%s: `rouse token create --service NAME --name nagios` makes a key that may send alerts", clean(strings.TrimSuffix(refused.problem.text(), ".")))
	}
	return raw, got, err
}

// Times of a retry.
const (
	firstPause = 500 * time.Millisecond // doubled each time
	mostPause  = 5 * time.Second        // what a server that is too busy asks for
	oneTry     = 10 * time.Second       // may take no longer
)

// retry tries until it works, until trying again would not help, or for so long; 0 is once. Each try is told
// how long it may take.
func retry(ctx context.Context, total time.Duration, try func(within time.Duration) error) error {
	began, pause := time.Now(), firstPause
	for n := 1; ; n++ {
		within := oneTry
		if total > 0 {
			within = min(oneTry, total-time.Since(began))
		}
		err := try(within)
		if err == nil || ctx.Err() != nil || !passes(err) {
			return err
		}
		if time.Since(began)+pause >= total {
			if n > 1 {
				err = fmt.Errorf("%w (tried %d times in %s)", err, n, time.Since(began).Round(time.Second))
			}
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

// passes tells that the same again may work later.
func passes(err error) bool {
	r, answered := errors.AsType[*refusal](err)
	return !answered || r.status >= 500 || r.status == http.StatusTooManyRequests || r.status == http.StatusRequestTimeout
}
