package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"rouse/api/seal"
	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/email"
)

// config is everything that can be set, from ROUSE_* variables. It is read once, at the start of a
// command; nothing has to be set.
type config struct {
	databaseURL string // "": a private Postgres in data
	data        string
	secretKeys  []seal.Key // the first seals; see secretBox for those of a private database

	listen       string
	publicURL    string // without a slash at its end
	keyPrefix    string
	catchAll     engine.CatchAll
	allowPrivate bool
	verifiedOnly bool // contacts that were not verified are not used
	codesOnly    bool // a text, or a call to Rouse, always needs a code
	storms       storms
	delivery     deliverySettings
	twilio       twilioSettings
	ntfy         ntfySettings
	smtp         smtpSettings
	heartbeat    heartbeatSettings
	keep         pager.Keep
	spool        spoolSettings

	clockOffset time.Duration
	dieAt       pager.Point // "": nowhere
	dieAfter    int         // times that the point is passed before

	logLevel slog.Level
	logJSON  bool

	url, token string // what the client commands talk to
	key        string // integration key that alerts are sent with
	beatURL    string // where signs of life of a heartbeat go. A secret
}

type twilioSettings struct {
	accountSID, from, messagingServiceSID string
	authTokens                            []string // callbacks signed with any of them count
	apiKey, apiSecret                     string
	baseURL                               string
	canary                                map[notifiers.Channel]string // robots' numbers
	smsLimit, voiceLimit                  notifiers.Limit
}

type ntfySettings struct {
	url, token string
	limit      notifiers.Limit
	canary     map[notifiers.Channel]string // a robot's topic
}

type smtpSettings struct {
	host, username, password, from string
	port                           int // 0: by security
	security                       email.Security
}

type heartbeatSettings struct {
	url   string // "": no heartbeat. A secret
	every time.Duration
}

// How often a heartbeat may be given.
const (
	minHeartbeat = 10 * time.Second
	maxHeartbeat = time.Hour
)

// configured reports whether anything of the provider was set; if so, settings.check has seen to it
// that it is enough.
func (t twilioSettings) configured() bool { return t.accountSID != "" }
func (n ntfySettings) configured() bool   { return n.url != "" }
func (s smtpSettings) configured() bool   { return s.host != "" }

// parseConfig reads the settings of some sections; those of others keep their defaults, so that a
// client command does not fail on what only the server needs. All that is wrong is told at once.
func parseConfig(getenv func(string) string, sections ...section) (config, error) {
	var c config
	var wrong []string
	for _, s := range settings {
		value := s.fallback
		if slices.Contains(sections, s.section) {
			given, err := s.read(getenv)
			if err != nil {
				wrong = append(wrong, err.Error())
				continue
			}
			if given != "" {
				value = given
			}
		}
		if value == "" {
			continue
		}
		if err := s.set(&c, value); err != nil {
			wrong = append(wrong, s.quote(value)+" "+err.Error())
		}
	}
	if len(wrong) == 0 {
		wrong = c.check()
	}
	if len(wrong) > 0 {
		return c, usagef("%s:\n  %s\nAll settings: `rouse serve --help`.", plural(len(wrong), "setting is wrong", "settings are wrong"),
			strings.Join(wrong, "\n  "))
	}
	return c, nil
}

// check looks at what the settings mean together.
func (c config) check() (wrong []string) {
	t := c.twilio
	some := t.accountSID + t.from + t.messagingServiceSID + t.apiKey + t.apiSecret + strings.Join(t.authTokens, "")
	for _, need := range []struct {
		missing bool
		text    string
	}{
		{some != "" && t.accountSID == "", "ROUSE_TWILIO_ACCOUNT_SID is missing: set it to the account's SID (AC…), or unset all of ROUSE_TWILIO_*"},
		{some != "" && len(t.authTokens) == 0, "ROUSE_TWILIO_AUTH_TOKEN is missing: set it to the account's auth token, without which no callback can be believed"},
		{some != "" && t.from == "", "ROUSE_TWILIO_FROM is missing: set it to a number of the account, such as +15005550006"},
		{t.apiKey != "" && t.apiSecret == "", "ROUSE_TWILIO_API_SECRET is missing: set it to the secret of ROUSE_TWILIO_API_KEY"},
		{t.apiKey == "" && t.apiSecret != "", "ROUSE_TWILIO_API_KEY is missing: set it to the key (SK…) of ROUSE_TWILIO_API_SECRET"},
		{c.smtp.host != "" && c.smtp.from == "", "ROUSE_SMTP_FROM is missing: set it to the address that mail is from, such as rouse@example.com"},
		{c.smtp.host == "" && c.smtp.from+c.smtp.username+c.smtp.password != "", "ROUSE_SMTP_HOST is missing: set it to your mail server, smtp.example.com, or unset all of ROUSE_SMTP_*"},
		{c.smtp.username == "" && c.smtp.password != "", "ROUSE_SMTP_USERNAME is missing: set it to the name that goes with ROUSE_SMTP_PASSWORD"},
		{c.smtp.security == email.Plain && c.smtp.username != "", "ROUSE_SMTP_SECURITY=none would send the password in the clear: set it to starttls or tls, or unset ROUSE_SMTP_USERNAME"},
		{some == "" && len(t.canary) > 0, "ROUSE_TWILIO_CANARY_… needs a Twilio account: set ROUSE_TWILIO_ACCOUNT_SID and what belongs to it, or unset it"},
		{c.ntfy.url == "" && len(c.ntfy.canary) > 0, "ROUSE_NTFY_URL is missing: set it to the server of ROUSE_NTFY_CANARY, https://ntfy.example.com"},
		{c.ntfy.token != "" && c.ntfy.url == "", "ROUSE_NTFY_URL is missing: set it to the server of ROUSE_NTFY_TOKEN, https://ntfy.example.com"},
	} {
		if need.missing {
			wrong = append(wrong, need.text)
		}
	}
	return wrong
}

// read is the value of a setting, "" when it is not set. A secret may be in the file that
// <name>_FILE names.
func (s setting) read(getenv func(string) string) (string, error) {
	value := strings.TrimSpace(getenv(s.name))
	if !s.secret {
		return value, nil
	}
	file := strings.TrimSpace(getenv(s.name + "_FILE"))
	switch {
	case file == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("%s and %s_FILE are both set: keep one", s.name, s.name)
	}
	value, err := readSecret(file)
	if err != nil {
		return "", fmt.Errorf("%s_FILE=%q cannot be used: %w", s.name, file, err)
	}
	return value, nil
}

func readSecret(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		if cause, ok := errors.AsType[*os.PathError](err); ok {
			err = cause.Err // the name is told already
		}
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(text))
	if value == "" {
		return "", errors.New("it is empty")
	}
	return value, nil
}

// quote names a setting with its value, unless that is a secret.
func (s setting) quote(value string) string {
	if s.secret {
		return s.name
	}
	return fmt.Sprintf("%s=%q", s.name, value)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
