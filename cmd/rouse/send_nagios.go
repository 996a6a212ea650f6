package main

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// monitor is a monitoring system that tells a notification command what happened in the environment.
type monitor struct {
	name   string // as in dedup keys
	prefix string // of its variables
	remedy string // where they are missing
}

// The macros are those of https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/macrolist.html;
// Icinga 2 has no list of its own, and its example scripts (scripts/mail-service-notification.sh) use the same names.
var (
	nagios = monitor{"nagios", "NAGIOS_", "set enable_environment_macros=1 in nagios.cfg, or set it in the command line, as `rouse send --help` shows"}
	icinga = monitor{"icinga", "", "set it in env of the NotificationCommand, as `rouse send --help` shows"}
)

// notifying is a notification.
type notifying struct {
	kind            string // NOTIFICATIONTYPE, in capitals
	host, service   string // service is "" for a notification of the host
	state, output   string
	long            string
	author, comment string
	address, alias  string
	urls            []string
	seconds         string // since 1970
}

// report makes an alert of the notification in the environment.
func (m monitor) report(getenv func(string) string) (report, error) {
	macro := func(names ...string) string {
		for _, name := range names {
			if value := strings.TrimSpace(getenv(m.prefix + name)); value != "" && value != "$" { // what Nagios makes of a macro that is not set
				return value
			}
		}
		return ""
	}
	n := notifying{
		kind: strings.ToUpper(macro("NOTIFICATIONTYPE")), host: macro("HOSTNAME", "HOSTDISPLAYNAME", "HOSTALIAS"),
		service: macro("SERVICEDESC", "SERVICENAME", "SERVICEDISPLAYNAME"),
		author:  macro("NOTIFICATIONAUTHORNAME", "NOTIFICATIONAUTHOR"), comment: macro("NOTIFICATIONCOMMENT"),
		address: macro("HOSTADDRESS"), alias: macro("HOSTALIAS", "HOSTDISPLAYNAME"), seconds: macro("TIMET"),
	}
	kind := "HOST"
	if n.service != "" {
		kind = "SERVICE"
	}
	n.state, n.output, n.long = strings.ToUpper(macro(kind+"STATE")), macro(kind+"OUTPUT"), macro("LONG"+kind+"OUTPUT")
	for _, name := range []string{kind + "ACTIONURL", kind + "NOTESURL"} {
		if url := macro(name); url != "" {
			n.urls = append(n.urls, url)
		}
	}
	switch {
	case n.kind == "":
		return report{}, usagef("%sNOTIFICATIONTYPE is not in the environment: %s", m.prefix, m.remedy)
	case n.host == "":
		return report{}, usagef("%sHOSTNAME is not in the environment: %s", m.prefix, m.remedy)
	}
	return n.report(m.name), nil
}

func (n notifying) report(system string) report {
	in := report{
		Summary:  n.summary(),
		DedupKey: system + "/" + n.host,
		Details:  n.details(),
		Labels:   map[string]string{"host": n.host, "notification_type": n.kind},
		Links:    n.urls,
	}
	for name, value := range map[string]string{"service_description": n.service, "state": n.state, "address": n.address} {
		if value != "" {
			in.Labels[name] = value
		}
	}
	if n.service != "" {
		in.DedupKey += "/" + n.service
	}
	if seconds, err := strconv.ParseInt(n.seconds, 10, 64); err == nil && seconds > 0 {
		in.At = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
	}
	n.settle(&in)
	return in
}

// settle says what the notification asks for. One of a kind that is not known triggers: better one page too many.
func (n notifying) settle(in *report) {
	switch {
	case n.kind == "RECOVERY":
		in.Action = "resolve"
	case n.kind == "ACKNOWLEDGEMENT":
		in.Action, in.By, in.Note = "acknowledge", n.author, n.comment
	case n.kind == "CUSTOM", strings.HasPrefix(n.kind, "FLAPPING"), strings.HasPrefix(n.kind, "DOWNTIME"):
		in.Action, in.By = "comment", n.author
		in.Note = n.kind
		if said := cmp.Or(n.comment, n.output); said != "" {
			in.Note += ": " + said
		}
	default:
		in.Action, in.Severity = "trigger", n.severity()
	}
}

// stateSeverities are the words that the intake understands for the states of hosts and services. What is unknown
// or cannot be reached is looked at now, though it may be nothing.
var stateSeverities = map[string]string{"CRITICAL": "critical", "DOWN": "critical", "WARNING": "warning", "UNKNOWN": "error", "UNREACHABLE": "error"}

func (n notifying) severity() string {
	if word, known := stateSeverities[n.state]; known {
		return word
	}
	return strings.ToLower(n.state)
}

func (n notifying) summary() string {
	what := n.host
	if n.service != "" {
		what = n.service + " on " + n.host
	}
	if n.state != "" {
		what += " is " + n.state
	}
	if n.output != "" {
		what += ": " + n.output
	}
	return what
}

func (n notifying) details() string {
	var lines []string
	for _, line := range []string{n.output, strings.ReplaceAll(n.long, `\n`, "\n")} { // Nagios has line ends escaped
		if line != "" {
			lines = append(lines, line)
		}
	}
	if n.alias != "" && n.alias != n.host {
		lines = append(lines, "host alias: "+n.alias)
	}
	return strings.Join(lines, "\n")
}
