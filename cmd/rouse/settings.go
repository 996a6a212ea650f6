package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/api/seal"
	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/email"
	"rouse/rosters"
)

// section groups settings: a command reads the sections it needs, and the help shows them apart.
type section string

const (
	database section = "Database"
	server   section = "Server"
	paging   section = "Paging"
	sms      section = "SMS and voice (Twilio)"
	push     section = "Push (ntfy)"
	mailing  section = "E-mail (SMTP)"
	watching section = "Dead-man's switch"
	keeping  section = "What is kept"
	logging  section = "Log"
	rehearse section = "Rehearsals (`rouse prove`; never in production)"
	clients  section = "Commands that ask a server (oncall, roster, coverage, incidents, ack, page, send, export, plan, apply)"
)

var serverSections = []section{database, server, paging, sms, push, mailing, watching, keeping, logging, rehearse}

// setting is one ROUSE_* variable. set gets a value that is not empty; its error goes on after the
// name and the value, and says what to set instead.
type setting struct {
	section  section
	name     string
	fallback string
	secret   bool // never shown, and may be read from the file that <name>_FILE names
	help     string
	set      func(c *config, value string) error
}

var settings = []setting{
	{database, "ROUSE_DATABASE_URL", "", true, "Postgres to use, postgres://user:password@host/rouse; without it a private trial database is started", setDatabase},
	{database, "ROUSE_DATA", "", false, "folder of the private database; default /var/lib/rouse/pg for root, else ~/.local/state/rouse/pg",
		text(func(c *config) *string { return &c.data }, nil)},
	{database, "ROUSE_SECRET_KEY", "", true, "key that secrets of others are encrypted with in the database: `openssl rand -base64 32` makes one. A private " +
		"database has its own. Several with commas between: the first encrypts, all decrypt. To change it, put the new one behind the old one " +
		"on every node, then before it, then remove the old one once `rouse doctor` says that nothing needs it", setSecretKey},

	{server, "ROUSE_LISTEN", ":8080", false, "address to listen on", text(func(c *config) *string { return &c.listen }, checkListen)},
	{server, "ROUSE_PUBLIC_URL", "http://localhost:8080", false, "where phones and providers reach Rouse",
		link(func(c *config) *string { return &c.publicURL })},
	{server, "ROUSE_ALLOW_PRIVATE_ADDRESSES", "false", false, "let providers be in your own network (true or false)", setPrivate},
	{server, "ROUSE_SPOOL_DIR", "", false, "folder of this node's own, on a disk that lasts, for alerts that come while the database is away; default " +
		"$STATE_DIRECTORY/spool, else /var/lib/rouse/spool for root, else ~/.local/state/rouse/spool", text(func(c *config) *string { return &c.spool.dir }, checkFolder)},
	{server, "ROUSE_SPOOL_LIMIT", "100MB", false, "how much may lie in it; 0 keeps none: senders are told to come again", setSpoolLimit},

	{paging, "ROUSE_KEY_PREFIX", "HOT", false, "what incident keys begin with", text(func(c *config) *string { return &c.keyPrefix }, matches(keyPrefix, "2 to 10 capital letters, such as HOT"))},
	{paging, "ROUSE_IMOC", "imoc", false, "roster that catches what has no owner: the incident manager on call", setIMOC},
	{paging, "ROUSE_IMOC_WAIT", engine.DefaultWait.String(), false, "how long that roster has to answer before the ladder begins again", setIMOCWait},
	{paging, "ROUSE_LAST_RESORT", "", false, "handles of the people to page when that roster is empty: ann,bob", setLastResort},
	{paging, "ROUSE_VERIFIED_ONLY", "false", false, "true: a contact is used only once it was verified by a code; false: those that were not are used, too, and doctor tells of them", setVerifiedOnly},
	{paging, "ROUSE_REQUIRE_CODES", "false", false, "true: a text, or a call to Rouse, answers a page only with its code; false: what was sent to that phone within 24 hours needs none", setCodesOnly},

	{paging, "ROUSE_STORM_TEXTS", "3", false, "texts in ROUSE_STORM_WITHIN to who was told before, while several incidents are about them: what comes on top waits, and is told in one text " +
		"that names all. First pages never wait; 0 is no limit", few(func(c *config) *int { return &c.storms.texts })},
	{paging, "ROUSE_STORM_CALLS", "1", false, "calls, likewise", few(func(c *config) *int { return &c.storms.calls })},
	{paging, "ROUSE_STORM_WITHIN", "10m", false, "the time that these count in", setStormWithin},

	{paging, "ROUSE_RECEIPT_SMS", "30s", false, "how long a text may stay without a receipt before the next provider and contact are tried (5s to 10m)", receiptOf(rosters.SMS)},
	{paging, "ROUSE_RECEIPT_PUSH", "20s", false, "likewise of a push to a browser; ntfy gives no receipts (5s to 10m)", receiptOf(rosters.WebPush)},
	{paging, "ROUSE_RING_FOR", "25s", false, "how long a phone rings; 15 s later at the most the next is tried (5s to 10m, whole seconds). Voicemail picks up after 20 to 30 in most networks", setRingFor},
	{paging, "ROUSE_CANARY_EVERY", "1m", false, "how often a message goes to each robot (ROUSE_…_CANARY, `rouse provider set`), and so how long it has to come back (30s to 1h)", setCanaryEvery},
	{paging, "ROUSE_BUDGET", "", false, "messages per hour or day (UTC) of the whole installation, sms 200/day, voice 50/day: when more are sent the log and whoever is on call for " +
		"what has no owner are told. Nothing is held back", setBudget},

	{sms, "ROUSE_TWILIO_ACCOUNT_SID", "", false, "account, AC…", text(func(c *config) *string { return &c.twilio.accountSID }, matches(accountSID, "an account SID: AC and 32 more characters"))},
	{sms, "ROUSE_TWILIO_AUTH_TOKEN", "", true, "its auth token; while rotating, the old one after a comma", setAuthTokens},
	{sms, "ROUSE_TWILIO_API_KEY", "", false, "API key to send with instead of the auth token, SK…", text(func(c *config) *string { return &c.twilio.apiKey }, nil)},
	{sms, "ROUSE_TWILIO_API_SECRET", "", true, "its secret", text(func(c *config) *string { return &c.twilio.apiSecret }, nil)},
	{sms, "ROUSE_TWILIO_FROM", "", false, "number to call and text from, +15005550006", text(func(c *config) *string { return &c.twilio.from }, checkNumber)},
	{sms, "ROUSE_TWILIO_MESSAGING_SERVICE_SID", "", false, "messaging service to text through, MG…",
		text(func(c *config) *string { return &c.twilio.messagingServiceSID }, matches(serviceSID, "a messaging service's SID: MG and 32 more characters"))},
	{sms, "ROUSE_TWILIO_SMS_LIMIT", "", false, "texts that it takes from a number or messaging service, such as 1/s, 30/min or 10/s burst 20: Rouse keeps to it, and sends the worst first; none: Twilio queues what is too much, " +
		"oldest first", sendingLimit(func(c *config) *notifiers.Limit { return &c.twilio.smsLimit })},
	{sms, "ROUSE_TWILIO_VOICE_LIMIT", "", false, "calls, likewise: accounts begin with 1/s", sendingLimit(func(c *config) *notifiers.Limit { return &c.twilio.voiceLimit })},
	{sms, "ROUSE_TWILIO_CANARY_SMS", "", false, "robot's number, +4915112345678, that is texted every ROUSE_CANARY_EVERY, which costs: another number of the account, whose texts come to Rouse, or any whose receipts say delivered. " +
		"After two that do not come back Twilio is asked last until one does", canaryOf(twilioCanary, notifiers.SMS)},
	{sms, "ROUSE_TWILIO_CANARY_VOICE", "", false, "robot's number that is called likewise, and has to pick up", canaryOf(twilioCanary, notifiers.Voice)},
	{sms, "ROUSE_TWILIO_BASE_URL", "", false, "another API address, for a simulator; default Twilio's own", link(func(c *config) *string { return &c.twilio.baseURL })},

	{push, "ROUSE_NTFY_URL", "", false, "server to push through, https://ntfy.example.com; your own, as a topic at a public one is no secret", link(func(c *config) *string { return &c.ntfy.url })},
	{push, "ROUSE_NTFY_TOKEN", "", true, "its access token, tk_…", text(func(c *config) *string { return &c.ntfy.token }, nil)},
	{push, "ROUSE_NTFY_CANARY", "", false, "topic that a push goes to every ROUSE_CANARY_EVERY, and is read back from; the token has to be allowed to read it", canaryOf(ntfyCanary, notifiers.Push)},
	{push, "ROUSE_NTFY_LIMIT", "", false, "pushes that it takes, such as 10/s", sendingLimit(func(c *config) *notifiers.Limit { return &c.ntfy.limit })},

	{mailing, "ROUSE_SMTP_HOST", "", false, "mail server to send through, smtp.example.com", text(func(c *config) *string { return &c.smtp.host }, checkHost)},
	{mailing, "ROUSE_SMTP_PORT", "", false, "its port; default 587, with tls 465, with none 25", setSMTPPort},
	{mailing, "ROUSE_SMTP_SECURITY", "starttls", false, "starttls, tls (from the beginning), or none for a server on this machine", setSMTPSecurity},
	{mailing, "ROUSE_SMTP_USERNAME", "", false, "name to sign in with; none sends without", text(func(c *config) *string { return &c.smtp.username }, nil)},
	{mailing, "ROUSE_SMTP_PASSWORD", "", true, "its password", text(func(c *config) *string { return &c.smtp.password }, nil)},
	{mailing, "ROUSE_SMTP_FROM", "", false, `address that mail is from, rouse@example.com or "Rouse <rouse@example.com>"`, text(func(c *config) *string { return &c.smtp.from }, checkFrom)},

	{watching, "ROUSE_HEARTBEAT_URL", "", true, "address to get again and again while all is well, of a switch elsewhere that raises the alarm when that ends. " +
		"Each node gets it: one address for all tells when the last node is gone, an address of its own for each node tells of each", setHeartbeatURL},
	{watching, "ROUSE_HEARTBEAT_INTERVAL", "1m", false, "how often", setHeartbeatInterval},

	{keeping, "ROUSE_KEEP_RAW", "2160h", false, "how long the originals of alerts are kept, and whole those that concerned no incident; 0 is for ever",
		span(func(c *config) *time.Duration { return &c.keep.Raw }, 24*time.Hour, "2160h for 90 days")},
	{keeping, "ROUSE_KEEP_INCIDENTS", "0", false, "how long resolved incidents are kept, with all that belongs to them; 0 is for ever",
		span(func(c *config) *time.Duration { return &c.keep.Incidents }, pager.MinKeepIncidents, "8760h for a year")},

	{logging, "ROUSE_LOG_LEVEL", "info", false, "debug, info, warn or error", setLogLevel},
	{logging, "ROUSE_LOG_FORMAT", "text", false, "text or json", setLogFormat},

	{rehearse, "ROUSE_CLOCK_OFFSET", "", false, "added to the database's clock, such as 2h, so that deadlines fall due", setClockOffset},
	{rehearse, "ROUSE_DIE_AT", "", false, "point:n kills the server with SIGKILL when it reaches a point of its work for the nth time; points: " + pointNames(),
		setDieAt},

	{clients, "ROUSE_URL", "http://localhost:8080", false, "the Rouse to talk to", link(func(c *config) *string { return &c.url })},
	{clients, "ROUSE_TOKEN", "", true, "API key to talk with; `rouse token create` makes one", text(func(c *config) *string { return &c.token }, nil)},
	{clients, "ROUSE_KEY", "", true, "integration key that `rouse send` sends alerts with; `rouse token create --service NAME` makes one",
		text(func(c *config) *string { return &c.key }, nil)},
	{clients, "ROUSE_BEAT_URL", "", true, "address that `rouse heartbeat` gives signs of life to, https://rouse.example.com/beat/…; it was shown when the heartbeat was made", setBeatURL},
}

var (
	keyPrefix  = regexp.MustCompile(`^[A-Z]{2,10}$`)
	accountSID = regexp.MustCompile(`^AC[0-9a-zA-Z]{32}$`)
	serviceSID = regexp.MustCompile(`^MG[0-9a-zA-Z]{32}$`)
	slug       = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

func text(field func(*config) *string, check func(string) error) func(*config, string) error {
	return func(c *config, value string) error {
		*field(c) = value
		if check == nil {
			return nil
		}
		return check(value)
	}
}

func link(field func(*config) *string) func(*config, string) error {
	return func(c *config, value string) error {
		*field(c) = strings.TrimRight(value, "/")
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return errors.New("is not a plain web address: set it to something like https://rouse.example.com")
		}
		return nil
	}
}

// span is a time of at least so long, or 0.
func span(field func(*config) *time.Duration, least time.Duration, such string) func(*config, string) error {
	return func(c *config, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d != 0 && d < least {
			return fmt.Errorf("is no such time: set it to 0, or to one from %.0fh on, such as %s", least.Hours(), such)
		}
		*field(c) = d
		return nil
	}
}

func matches(pattern *regexp.Regexp, what string) func(string) error {
	return func(value string) error {
		if !pattern.MatchString(value) {
			return fmt.Errorf("is wrong: set it to %s", what)
		}
		return nil
	}
}

func checkListen(value string) error {
	_, port, err := net.SplitHostPort(value)
	n, bad := strconv.Atoi(port)
	if err != nil || bad != nil || n < 0 || n > 65535 {
		return errors.New("is not an address to listen on: set it to host:port, such as :8080 or 127.0.0.1:8080")
	}
	return nil
}

func checkNumber(value string) error {
	if !notifiers.IsE164(value) {
		return errors.New("is not a phone number: set it to the form +15005550006, with country code and no spaces")
	}
	return nil
}

func checkHost(value string) error {
	if strings.ContainsAny(value, " /:@") {
		return errors.New("is not a server's name: set it to something like smtp.example.com, and the port by itself")
	}
	return nil
}

func checkFrom(value string) error {
	if from, err := mail.ParseAddress(value); err != nil || !email.IsAddress(from.Address) {
		return errors.New("is not an address: set it to something like rouse@example.com")
	}
	return nil
}

func setSMTPPort(c *config, value string) error {
	port, err := strconv.Atoi(value)
	if err != nil || port < 1 || port > 65535 {
		return errors.New("is not a port: set it to one of 1 to 65535, such as 587")
	}
	c.smtp.port = port
	return nil
}

func setSMTPSecurity(c *config, value string) error {
	switch c.smtp.security = email.Security(value); c.smtp.security {
	case email.StartTLS, email.TLS, email.Plain:
		return nil
	default:
		return errors.New("is none of starttls, tls, none")
	}
}

func setDatabase(c *config, value string) error {
	c.databaseURL = value
	if _, err := pgxpool.ParseConfig(value); err != nil { // the error may quote the password
		return errors.New("is not the address of a Postgres database: set it to postgres://user:password@host:5432/rouse")
	}
	return nil
}

func setSecretKey(c *config, value string) (err error) {
	c.secretKeys, err = seal.ParseKeys(value)
	return err
}

func setPrivate(c *config, value string) (err error) {
	if c.allowPrivate, err = strconv.ParseBool(value); err != nil {
		return errors.New("is neither true nor false")
	}
	return nil
}

func setCodesOnly(c *config, value string) (err error) {
	if c.codesOnly, err = strconv.ParseBool(value); err != nil {
		return errors.New("is neither true nor false")
	}
	return nil
}

func setVerifiedOnly(c *config, value string) (err error) {
	if c.verifiedOnly, err = strconv.ParseBool(value); err != nil {
		return errors.New("is neither true nor false")
	}
	return nil
}

func setIMOC(c *config, value string) error {
	c.catchAll.Roster = rosters.RosterID(value)
	return matches(slug, "a roster's slug, such as imoc")(value)
}

func setIMOCWait(c *config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < engine.MinWait || d > engine.MaxWait {
		return fmt.Errorf("is no such time: set it to one from %s to %s, such as 5m", engine.MinWait, engine.MaxWait)
	}
	c.catchAll.Wait = d
	return nil
}

func setLastResort(c *config, value string) error {
	for handle := range strings.SplitSeq(value, ",") {
		handle = strings.TrimSpace(handle)
		if !slug.MatchString(handle) {
			return fmt.Errorf("has %q, which is no handle: set it to people's handles with commas between, ann,bob", handle)
		}
		if id := rosters.PersonID(handle); !slices.Contains(c.catchAll.LastResort, id) {
			c.catchAll.LastResort = append(c.catchAll.LastResort, id)
		}
	}
	return nil
}

func setHeartbeatURL(c *config, value string) error {
	u, err := url.Parse(value) // the error may quote the value, which is secret
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("is not a web address: set it to the one that the switch gave you, such as https://hc-ping.com/…")
	}
	c.heartbeat.url = value
	return nil
}

func setBeatURL(c *config, value string) error {
	u, err := url.Parse(value) // the error may quote the value, which is secret
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("is not the address of a heartbeat: set it to the one that was shown when it was made, such as https://rouse.example.com/beat/…")
	}
	c.beatURL = value
	return nil
}

func setHeartbeatInterval(c *config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < minHeartbeat || d > maxHeartbeat {
		return fmt.Errorf("is no such time: set it to one from %.0fs to %.0fh, such as 1m", minHeartbeat.Seconds(), maxHeartbeat.Hours())
	}
	c.heartbeat.every = d
	return nil
}

func setAuthTokens(c *config, value string) error {
	for token := range strings.SplitSeq(value, ",") {
		if token = strings.TrimSpace(token); token == "" {
			return errors.New("has an empty token beside a comma: set it to one token, or two with a comma between")
		}
		c.twilio.authTokens = append(c.twilio.authTokens, token)
	}
	return nil
}

func setLogLevel(c *config, value string) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[strings.ToLower(value)]
	if !ok {
		return errors.New("is wrong: set it to debug, info, warn or error")
	}
	c.logLevel = level
	return nil
}

func setLogFormat(c *config, value string) error {
	if value != "text" && value != "json" {
		return errors.New("is wrong: set it to text or json")
	}
	c.logJSON = value == "json"
	return nil
}
