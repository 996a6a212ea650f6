package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"rouse/api/intake"
	answers "rouse/api/problem" // problem is what a client reads of one
	"rouse/engine"
	"rouse/rosters"
)

func (c *cli) intakeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "intake",
		Short:   "Try what becomes of a sender's payload",
		Long:    `Intake is about what senders of alerts send, before a server sees it.`,
		Example: `  rouse intake test --file payload.json --mapping mapping.yaml`,
		Args:    noSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.intakeTestCommand())
	return cmd
}

// intakeFlags say what is tried.
type intakeFlags struct {
	file, dialect, service string
	mapping, settings      string // files
	headers, query         []string
	json                   bool
}

func (c *cli) intakeTestCommand() *cobra.Command {
	var flags intakeFlags
	cmd := &cobra.Command{
		Use:   "test --file FILE",
		Short: "Show the alerts that a payload would become",
		Long: `Test reads a payload as the server would, here and now: nothing is sent, and no server is asked. It fails if
something of the payload could not be read, or if the mapping fails on it.

` + strings.Join(wrap("Dialects are "+strings.Join(intake.Tried(), ", ")+".", 105), "\n") + `

A mapping says where in a payload of your own the fields of an alert are: for each field an expression in
CEL (https://cel.dev), in JSON or YAML. Once it does what you want, it goes into the settings of a key of
the dialect webhook, and the sender posts to /v1/webhook with that key.

  fields     each, summary, severity, service, dedup_key, action, details, labels, links, key, by, at
  each       gives a list, of which each element becomes an alert: item
  body       the payload: parsed JSON, a form as a map, or a text
  headers    map of texts, names in lower case
  query      map of texts: parameters of the address
  functions  those of CEL; text.lowerAscii(), upperAscii(), trim(), replace(old, new), split(separator),
             matches(pattern); texts.join(separator); regex.extract(text, pattern)

What a mapping does not give, or fails on, is read as at POST /v1/alerts.`,
		Example: `  rouse intake test --file payload.json
  rouse intake test --file payload.json --mapping mapping.yaml --header "X-Event: push" --query team=dba
  rouse intake test --file am.json --dialect alertmanager --service bitbucket --json

  # mapping.yaml
  each: body.alerts
  summary: item.name + " on " + item.host
  severity: item.?level.orValue("error")
  dedup_key: '"billing/" + string(item.id)'
  action: 'item.state == "ok" ? "resolve" : "trigger"'
  labels: item.tags

  # then
  echo '{"mapping": {"each": "body.alerts", "summary": "item.name"}}' > webhook.json
  rouse token create --service billing --name billing --dialect webhook --settings webhook.json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			alerts, warnings, err := flags.try(cmd.InOrStdin())
			if err != nil {
				return err
			}
			if flags.json {
				err = encodeJSON(c.stdout, tried{shownAlerts(alerts), warnings})
			} else {
				err = c.showTried(alerts, warnings)
			}
			if err == nil && len(warnings) > 0 {
				err = fmt.Errorf("not all of the payload could be read: %s", plural(len(warnings), "warning", "warnings"))
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&flags.file, "file", "f", "", "file with the payload, - for standard input")
	cmd.Flags().StringVar(&flags.dialect, "dialect", "webhook", "dialect of the payload")
	cmd.Flags().StringVar(&flags.mapping, "mapping", "", "file with a mapping for the dialect webhook, in JSON or YAML")
	cmd.Flags().StringVar(&flags.settings, "settings", "", "file with the settings of a key of the dialect, in JSON or YAML")
	cmd.Flags().StringVar(&flags.service, "service", "", "the service that the key is bound to (default none)")
	cmd.Flags().StringArrayVar(&flags.headers, "header", nil, `header of the request, "Name: value"; may be repeated`)
	cmd.Flags().StringArrayVar(&flags.query, "query", nil, "parameter of the address, name=value; may be repeated")
	cmd.Flags().BoolVar(&flags.json, "json", false, "write JSON, with all that the alerts hold")
	return cmd
}

// try makes the alerts.
func (f intakeFlags) try(stdin io.Reader) ([]engine.Alert, []string, error) {
	p := intake.Payload{Header: http.Header{}, Query: url.Values{}}
	for _, header := range f.headers {
		name, value, found := strings.Cut(header, ":")
		if name = strings.TrimSpace(name); !found || name == "" {
			return nil, nil, usagef(`--header %q is none: write "Name: value"`, header)
		}
		p.Header.Add(name, strings.TrimSpace(value))
	}
	for _, pair := range f.query {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, nil, usagef("--query %q is none: write name=value", pair)
		}
		p.Query.Add(name, value)
	}
	if f.file == "" {
		return nil, nil, usagef("--file is missing: name the file with the payload, - for standard input")
	}
	settings, err := f.keySettings(stdin)
	if err != nil {
		return nil, nil, err
	}
	if p.Body, err = readFile(f.file, stdin); err != nil {
		return nil, nil, err
	}
	alerts, warnings, err := intake.Try(f.dialect, settings, engine.ServiceID(f.service), p)
	return alerts, warnings, f.explained(err)
}

// keySettings are the settings of the key, from one of two files.
func (f intakeFlags) keySettings(stdin io.Reader) (json.RawMessage, error) {
	name := f.mapping + f.settings
	switch {
	case name == "":
		return nil, nil
	case f.mapping != "" && f.settings != "":
		return nil, usagef("--mapping and --settings say the same: leave one of them out")
	case f.mapping != "" && f.dialect != "webhook":
		return nil, usagef("--mapping is for the dialect webhook; %s has none", f.dialect)
	case name == "-" && f.file == "-":
		return nil, usagef("standard input holds the payload: put the other into a file")
	}
	text, err := readFile(name, stdin)
	if err != nil {
		return nil, err
	}
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("%s is neither JSON nor YAML: %s", called(name), strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if object, ok := v.(map[string]any); f.mapping != "" && (!ok || object["mapping"] == nil) {
		v = map[string]any{"mapping": v}
	}
	settings, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%s has names that are no texts: put them between quotes", called(name))
	}
	return settings, nil
}

// explained makes an error of the intake one that names files and flags.
func (f intakeFlags) explained(err error) error {
	if refused, ok := errors.AsType[*answers.Problem](err); ok {
		return fmt.Errorf("the server would refuse it with %d: %s", refused.Status, clean(refused.Detail))
	}
	wrong, ok := errors.AsType[rosters.FieldErrors](err)
	if !ok {
		return err
	}
	if wrong[0].Field == "/dialect" {
		return usagef("--dialect %s %s", f.dialect, wrong[0].Problem)
	}
	lines := make([]string, len(wrong))
	for i, w := range wrong {
		at := strings.TrimPrefix(strings.TrimPrefix(w.Field, "/settings"), "/")
		if f.mapping != "" {
			at = strings.TrimPrefix(at, "mapping/")
		}
		lines[i] = strings.TrimPrefix(clean(at+": "+w.Problem), ": ")
	}
	return fmt.Errorf("%s cannot be used:\n  %s", called(f.mapping+f.settings), strings.Join(lines, "\n  "))
}

// showTried writes a line for each alert, and the warnings.
func (c *cli) showTried(alerts []engine.Alert, warnings []string) error {
	var t table
	t.add(bold, "ACTION", "SEVERITY", "SERVICE", "DEDUP KEY", "LABELS", "SUMMARY")
	for _, a := range alerts {
		severity := fmt.Sprint(int(a.Severity))
		if a.Word != "" && a.Word != severity {
			severity += " (" + oneLine(a.Word) + ")"
		}
		t.add(paintOf(int(a.Severity), ""), string(a.Action), severity, orDash(string(a.Service)), orDash(oneLine(a.DedupKey)), fmt.Sprint(len(a.Labels)), oneLine(a.Summary))
	}
	if len(warnings) > 0 {
		t.add("", "")
	}
	for _, w := range warnings {
		t.add(yellow, "warning: "+oneLine(w))
	}
	return c.print(t)
}

// tried is what rouse intake test --json writes.
type tried struct {
	Alerts   []shownAlert `json:"alerts"`
	Warnings []string     `json:"warnings,omitempty"`
}

// shownAlert is an alert in the words of POST /v1/alerts.
type shownAlert struct {
	Action     engine.Action      `json:"action"`
	Severity   engine.Severity    `json:"severity"`
	Word       string             `json:"word,omitempty"`
	Service    engine.ServiceID   `json:"service,omitempty"`
	DedupKey   string             `json:"dedup_key,omitempty"`
	Key        engine.Key         `json:"key,omitempty"`
	Summary    string             `json:"summary"`
	Details    string             `json:"details,omitempty"`
	Labels     map[string]string  `json:"labels,omitempty"`
	Links      []engine.Link      `json:"links,omitempty"`
	Responders []engine.Responder `json:"responders,omitempty"`
	By         rosters.PersonID   `json:"by,omitempty"`
	Note       string             `json:"note,omitempty"`
	At         time.Time          `json:"at,omitzero"`
	Until      time.Time          `json:"until,omitzero"`
	Once       string             `json:"once,omitempty"`
	Source     string             `json:"source"`
}

func shownAlerts(alerts []engine.Alert) (shown []shownAlert) {
	for _, a := range alerts {
		shown = append(shown, shownAlert{Action: a.Action, Severity: a.Severity, Word: a.Word, Service: a.Service, DedupKey: a.DedupKey, Key: a.Key,
			Summary: a.Summary, Details: a.Details, Labels: a.Labels, Links: a.Links, Responders: a.Responders, By: a.By, Note: a.Note, At: a.At,
			Until: a.Until, Once: a.Once, Source: a.Source})
	}
	return shown
}
