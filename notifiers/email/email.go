// Package email sends messages as e-mail through the operator's own SMTP server: text and HTML, all about
// one incident in one thread. It decides nothing.
package email

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	stdmail "net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"rouse/notifiers"
)

// Provider is the name in receipts and failures.
const Provider = "email"

const timeout = 15 * time.Second // of a whole delivery; a server may look a name up meanwhile

// Security is how the connection to the server is kept secret.
type Security string

// The kinds. The zero value is StartTLS.
const (
	StartTLS Security = "starttls" // and nothing is said to a server that does not offer it
	TLS      Security = "tls"      // from the beginning, port 465
	Plain    Security = "none"     // for a server on this machine
)

// Config is an SMTP server, and whom mails are from.
type Config struct {
	Host     string // "smtp.example.com"; required
	Port     int    // 0 is 587, with TLS 465
	Security Security
	Username string // "" sends without authentication
	Password string
	From     string // "Rouse <rouse@example.com>"; required

	Dialer *net.Dialer // nil is a strict notifiers.Guard's
	TLS    *tls.Config // nil trusts what the system trusts
}

// Email is a Notifier for e-mail, to be used by many goroutines. A message's To is an address without a name.
type Email struct {
	cfg    Config
	from   *stdmail.Address
	domain string // of the sender's address
}

// New checks the configuration and says everything that is wrong with it, field by field.
func New(c Config) (*Email, error) {
	var wrong []error
	if c.Host == "" || strings.ContainsAny(c.Host, " /:@\r\n") {
		wrong = append(wrong, errors.New("email: Host is not a server's name (smtp.example.com)"))
	}
	if c.Port < 0 || c.Port > 65535 {
		wrong = append(wrong, fmt.Errorf("email: Port %d is not one of 1 to 65535", c.Port))
	}
	if c.Security = cmp.Or(c.Security, StartTLS); c.Security != StartTLS && c.Security != TLS && c.Security != Plain {
		wrong = append(wrong, fmt.Errorf("email: Security %q is none of starttls, tls, none", c.Security))
	}
	if c.Security == Plain && c.Username != "" {
		wrong = append(wrong, errors.New("email: Security none would send the password in the clear"))
	}
	from, err := stdmail.ParseAddress(c.From)
	if err != nil || !IsAddress(from.Address) {
		wrong = append(wrong, errors.New("email: From is not an address (rouse@example.com)"))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if c.Port == 0 {
		c.Port = map[Security]int{StartTLS: 587, TLS: 465, Plain: 25}[c.Security]
	}
	if c.Dialer == nil {
		c.Dialer = notifiers.Guard{}.Dialer()
	}
	return &Email{cfg: c, from: from, domain: from.Address[strings.LastIndexByte(from.Address, '@')+1:]}, nil
}

// plain are addresses as people have them; RFC 5321 §4.1.2 knows stranger ones.
var plain = regexp.MustCompile(`^[^\s@"<>(),:;\\\[\]\x00-\x1f]+@[^\s@"<>(),:;\\\[\]\x00-\x1f]+$`)

const maxAddress = 254 // bytes, RFC 5321 §4.5.3.1.3

// IsAddress reports whether mail can be sent to an address: one @, no blanks, quotes or comments.
func IsAddress(address string) bool { return len(address) <= maxAddress && plain.MatchString(address) }

// Notify delivers one mail to the server.
func (e *Email) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	if !IsAddress(m.To) {
		return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "not an e-mail address"}
	}
	msg, err := e.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "the mail could not be made", Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := e.deliver(ctx, msg); err != nil {
		return notifiers.Receipt{}, err
	}
	return notifiers.Receipt{Provider: Provider, ProviderID: strings.Trim(msg.GetMessageID(), "<>"), State: notifiers.Sent}, nil
}

func (e *Email) compose(m notifiers.Message) (*mail.Msg, error) {
	msg := mail.NewMsg()
	msg.FromMailAddress(e.from)
	if err := msg.To(m.To); err != nil {
		return nil, err
	}
	msg.Subject(notifiers.PushTitle(m))
	msg.SetDate()
	msg.SetMessageIDWithValue(m.Nonce + "@" + e.domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // so that no absence note comes back, RFC 3834
	if m.Purpose != notifiers.Notice {
		// There is no mail of this id: all that refer to it are one thread.
		thread := "<" + m.Key + "@" + e.domain + ">"
		msg.SetGenHeader(mail.HeaderInReplyTo, thread)
		msg.SetGenHeader(mail.HeaderReferences, thread)
		msg.SetGenHeader("X-Rouse-Incident", m.Key)
		if m.Severity <= 2 {
			msg.SetImportance(mail.ImportanceHigh)
		}
	}
	page, err := pageOf(m)
	if err != nil {
		return nil, err
	}
	msg.SetBodyString(mail.TypeTextPlain, textOf(m))
	msg.AddAlternativeString(mail.TypeTextHTML, page)
	return msg, nil
}

// deliver gives a mail to the server.
func (e *Email) deliver(ctx context.Context, msg *mail.Msg) error {
	return e.session(ctx, func(client *mail.Client, session *smtp.Client) error {
		if err := client.SendWithSMTPClient(session, msg); err != nil && !msg.IsDelivered() {
			return refusal(ctx, err)
		}
		return nil
	})
}

// SignIn signs in with the server and sends nothing. The error wraps a *notifiers.Failure.
func (e *Email) SignIn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return e.session(ctx, func(*mail.Client, *smtp.Client) error { return nil })
}

// session speaks to the server, and is sure to come back when ctx ends: it breaks the connection then.
func (e *Email) session(ctx context.Context, speak func(*mail.Client, *smtp.Client) error) error {
	var broken func() bool
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := e.cfg.Dialer.DialContext(ctx, network, address)
		if err == nil && e.cfg.Security == TLS {
			conn = tls.Client(conn, e.tls())
		}
		return conn, err
	}
	client, err := mail.NewClient(e.cfg.Host, append(e.options(), mail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(dialing, network, address)
		if err == nil {
			broken = context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}))...)
	if err != nil {
		return &notifiers.Failure{Kind: notifiers.Passing, Provider: Provider, Detail: "the server cannot be used as it is set up", Err: err}
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if broken != nil {
		defer broken()
	}
	if err != nil {
		return notConnected(err)
	}
	defer func() { _ = client.CloseWithSMTPClient(session) }() // what was taken is taken
	return speak(client, session)
}

func (e *Email) tls() *tls.Config {
	c := &tls.Config{}
	if e.cfg.TLS != nil {
		c = e.cfg.TLS.Clone()
	}
	c.ServerName = e.cfg.Host
	return c
}

func (e *Email) options() []mail.Option {
	options := []mail.Option{mail.WithPort(e.cfg.Port), mail.WithTimeout(timeout), mail.WithHELO(e.domain), mail.WithTLSConfig(e.tls())}
	switch e.cfg.Security {
	case StartTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS)) // TLS is begun with the connection
	}
	if e.cfg.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(e.cfg.Username), mail.WithPassword(e.cfg.Password))
	}
	return options
}

// notConnected is what went wrong before a mail was begun.
func notConnected(err error) *notifiers.Failure {
	f := &notifiers.Failure{Kind: notifiers.Passing, Provider: Provider, Detail: "could not connect to the mail server"}
	switch code, _ := codes(err); {
	case errors.Is(err, notifiers.ErrPrivateAddress):
		f.Detail = "connection refused by Rouse itself: allow private addresses to use a mail server in your own network"
	case code == 535 || code == 534 || code == 530:
		f.Code, f.Detail = strconv.Itoa(code), "the mail server does not accept the user name and password"
	case code != 0:
		f.Code, f.Detail = strconv.Itoa(code), "the mail server takes no mail now"
	case isTLS(err):
		f.Detail = "the mail server's certificate is not trusted, or it speaks no TLS"
	}
	return f
}

func isTLS(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return certificate || record || strings.Contains(err.Error(), "STARTTLS")
}

// refusal says what an error means that came once the mail was begun. The library's quotes addresses, so that
// it goes no further.
func refusal(ctx context.Context, err error) *notifiers.Failure {
	f := &notifiers.Failure{Kind: notifiers.Passing, Provider: Provider}
	said, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		f.Kind, f.Detail = notifiers.Unknown, "the connection to the mail server was lost"
		return f
	}
	code, enhanced := said.ErrorCode(), said.EnhancedStatusCode()
	if code > 0 {
		f.Code = strings.TrimSpace(strconv.Itoa(code) + " " + enhanced)
	}
	final := code >= 500
	switch {
	case said.Reason == mail.ErrSMTPDataClose && code == 0:
		f.Kind, f.Detail = notifiers.Unknown, "the connection to the mail server was lost before its answer"
		if ctx.Err() != nil {
			f.Detail = "no answer of the mail server in time"
		}
	case code == 0:
		f.Detail = "the connection to the mail server was lost before it had the whole mail"
	case final && said.Reason == mail.ErrSMTPRcptTo:
		f.Kind, f.Detail = notifiers.Final, "the mail server refused the address"
		f.Gone = code == 550 && (enhanced == "" || strings.HasPrefix(enhanced, "5.1."))
		f.Elsewhere = !f.Gone // it may not relay to it, or the box is full
		if code == 550 || code == 551 || code == 553 {
			f.Elsewhere = false
		}
	case final:
		f.Kind, f.Elsewhere, f.Detail = notifiers.Final, true, "the mail server refused the mail"
	default:
		f.Detail = "the mail server takes no mail now"
	}
	return f
}

// leading is a reply of a server that an error begins with, RFC 5321 §4.2 and RFC 3463.
var leading = regexp.MustCompile(`(?:^|: )([45][0-9]{2})(?:[ -]([45]\.[0-9]{1,3}\.[0-9]{1,3}))?`)

func codes(err error) (code int, enhanced string) {
	m := leading.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, ""
	}
	code, _ = strconv.Atoi(m[1])
	return code, m[2]
}
