package email_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/email"
	"rouse/notifiers/email/emailsim"
	"rouse/notifiers/notifiertest"
)

func start(t *testing.T, server emailsim.Config, change func(*email.Config)) (*emailsim.Sim, *email.Email) {
	t.Helper()
	sim, err := emailsim.Start(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	cfg := email.Config{Host: sim.Host(), Port: sim.Port(), Security: email.Plain, From: "Rouse <rouse@example.com>",
		Dialer: notifiers.Guard{AllowPrivate: true}.Dialer()}
	if server.TLS {
		cfg.Security, cfg.TLS = email.StartTLS, &tls.Config{RootCAs: sim.Root()}
		cfg.Username, cfg.Password = server.Username, server.Password
	}
	if change != nil {
		change(&cfg)
	}
	e, err := email.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return sim, e
}

func page() notifiers.Message {
	return notifiers.Message{
		Nonce: "n1", Channel: notifiers.Email, Purpose: notifiers.Page, To: "ann@example.org", Key: "HOT-1", Severity: 1,
		Summary: "disk full on db1", Service: "bitbucket", Code: "482913",
		AckURL: "https://rouse.example.com/a/secret/ack", DeclineURL: "https://rouse.example.com/a/secret/decline",
		PageURL: "https://rouse.example.com/p/secret",
	}
}

func TestContract(t *testing.T) {
	faults := map[notifiertest.Mood]emailsim.Fault{
		notifiertest.OutOfOrder: emailsim.Busy,
		notifiertest.TooMany:    emailsim.TooMany,
		notifiertest.Silent:     emailsim.Hang,
		notifiertest.Away:       emailsim.Refuse,
		notifiertest.Resets:     emailsim.Reset,
		notifiertest.Garbage:    emailsim.Garbage,
	}
	notifiertest.Run(t, func(t *testing.T) notifiertest.Fixture {
		sim, e := start(t, emailsim.Config{}, nil)
		return notifiertest.Fixture{
			Notifier: e, Message: page(), NoRetryAfter: true,
			Head: func(m notifiers.Message) string { return m.Key + " SEV1 " },
			Received: func(n int) (texts []string) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				mails, err := sim.Await(ctx, n)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range mails {
					texts = append(texts, m.Subject+"\n"+m.Text)
				}
				return texts
			},
			Become: func(mood notifiertest.Mood) {
				if err := sim.Set(faults[mood]); err != nil {
					t.Fatal(err)
				}
				sim.RefuseAddress(page().To, map[notifiertest.Mood]int{notifiertest.RefusesAddress: 550}[mood], [3]int{5, 1, 1})
			},
		}
	})
}

func delivered(t *testing.T, sim *emailsim.Sim, e *email.Email, m notifiers.Message) emailsim.Mail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	before, err := sim.Await(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Notify(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	mails, err := sim.Await(ctx, len(before)+1)
	if err != nil {
		t.Fatal(err)
	}
	mail := mails[len(mails)-1]
	if id := mail.Header.Get("Message-Id"); id != "<"+r.ProviderID+">" {
		t.Errorf("the receipt names %q, the mail is %q", r.ProviderID, id)
	}
	return mail
}

func TestWhatAMailSays(t *testing.T) {
	sim, e := start(t, emailsim.Config{}, nil)
	m := page()
	m.Summary = `Füllstand <b>100 %</b> & "mehr"`
	first := delivered(t, sim, e, m)
	if first.Subject != "HOT-1 SEV1 "+m.Summary || first.To != m.To || first.From != "rouse@example.com" {
		t.Errorf("%q from %q to %q", first.Subject, first.From, first.To)
	}
	if !strings.HasPrefix(first.Text, "HOT-1 SEV1 "+m.Summary+"\r\n\r\nService bitbucket.\r\n\r\nAcknowledge / Decline:\r\n"+m.PageURL) {
		t.Errorf("it says %q", first.Text)
	}
	if strings.Contains(first.HTML, "<b>100") || !strings.Contains(first.HTML, "&lt;b&gt;100 %") {
		t.Errorf("markup of a sender reached the page: %s", first.HTML)
	}
	// Scanners of mail ask for every address they find, and some press what they find there.
	if strings.Contains(first.Text+first.HTML, m.AckURL) || strings.Contains(first.HTML, "<form") {
		t.Error("the mail itself acknowledges")
	}
	if regexp.MustCompile(`(?i)<script|<img|<link|src=`).MatchString(first.HTML) {
		t.Errorf("the mail does more than it should: %s", first.HTML)
	}
	m.Nonce, m.Purpose = "n2", notifiers.StillOn
	second := delivered(t, sim, e, m)
	for _, name := range []string{"References", "In-Reply-To"} {
		if a, b := first.Header.Get(name), second.Header.Get(name); a == "" || a != b {
			t.Errorf("%s is %q, then %q: they are no thread", name, a, b)
		}
	}
	if a, b := first.Header.Get("Message-Id"), second.Header.Get("Message-Id"); a == b {
		t.Errorf("both mails are %q", a)
	}
	if first.Header.Get("Auto-Submitted") != "auto-generated" || first.Header.Get("Importance") != "high" {
		t.Errorf("headers %v", first.Header)
	}
	m.Nonce, m.Purpose, m.Text = "n3", notifiers.Notice, "Bob offers you a swap."
	notice := delivered(t, sim, e, m)
	if notice.Subject != "Rouse" || !strings.HasPrefix(notice.Text, m.Text) || !strings.Contains(notice.HTML, m.Text) ||
		notice.Header.Get("References") != "" || strings.Contains(notice.HTML, "href") {
		t.Errorf("a notice is %+v", notice)
	}
}

// Whoever gives a summary or a name writes no header.
func TestNobodyWritesHeaders(t *testing.T) {
	sim, e := start(t, emailsim.Config{}, nil)
	m := page()
	m.Summary, m.Key = "x\r\nBcc: eve@example.org\r\n\r\nhello", "HOT-1\r\nBcc: eve@example.org"
	if mail := delivered(t, sim, e, m); mail.Header.Get("Bcc") != "" || mail.To != m.To {
		t.Errorf("it went to %q with %v", mail.To, mail.Header)
	}
	for _, to := range []string{"", "ann", "ann@example.org, eve@example.org", "Ann <ann@example.org>", "ann@example.org\r\nRCPT TO:<eve@example.org>", "a b@c", "@c", "a@", `"a"@c`} {
		m.To = to
		_, err := e.Notify(t.Context(), m)
		if f, ok := errors.AsType[*notifiers.Failure](err); !ok || f.Kind != notifiers.Final || !strings.Contains(f.Detail, "not an e-mail address") {
			t.Errorf("%q: %v", to, err)
		}
	}
}

func TestEncryptedWithAPassword(t *testing.T) {
	server := emailsim.Config{TLS: true, Username: "rouse", Password: "secret of the server"}
	sim, e := start(t, server, nil)
	if mail := delivered(t, sim, e, page()); !mail.Encrypted {
		t.Error("it came in the clear")
	}
	for _, c := range []struct {
		name   string
		server emailsim.Config
		change func(*email.Config)
		word   string
	}{
		{"another password", server, func(c *email.Config) { c.Password = "wrong" }, "user name and password"},
		{"a certificate of nobody's", server, func(c *email.Config) { c.TLS = nil }, "certificate"},
		{"a server without TLS", emailsim.Config{}, func(c *email.Config) { c.Security = email.StartTLS }, "no TLS"},
		{"TLS from the beginning where there is none", emailsim.Config{}, func(c *email.Config) { c.Security = email.TLS }, "no TLS"},
		{"a private address", emailsim.Config{}, func(c *email.Config) { c.Dialer = notifiers.Guard{}.Dialer() }, "allow private addresses"},
	} {
		_, e := start(t, c.server, c.change)
		_, err := e.Notify(t.Context(), page())
		if f, ok := errors.AsType[*notifiers.Failure](err); !ok || f.Kind != notifiers.Passing || !strings.Contains(f.Error(), c.word) || strings.Contains(f.Error(), server.Password) {
			t.Errorf("%s: %v, want it to name the %s", c.name, err, c.word)
		}
	}
}

func TestRefusals(t *testing.T) {
	sim, e := start(t, emailsim.Config{}, nil)
	for _, c := range []struct {
		code      int
		enhanced  [3]int
		kind      notifiers.Kind
		gone      bool
		elsewhere bool
	}{
		{550, [3]int{5, 1, 1}, notifiers.Final, true, false},  // no such box
		{550, [3]int{5, 7, 1}, notifiers.Final, false, false}, // not allowed
		{552, [3]int{5, 2, 2}, notifiers.Final, false, true},  // it is full
		{554, [3]int{5, 7, 1}, notifiers.Final, false, true},  // no relaying
		{452, [3]int{4, 2, 2}, notifiers.Passing, false, false},
	} {
		sim.RefuseAddress(page().To, c.code, c.enhanced)
		_, err := e.Notify(t.Context(), page())
		f, ok := errors.AsType[*notifiers.Failure](err)
		if !ok || f.Kind != c.kind || f.Gone != c.gone || f.Elsewhere != c.elsewhere || !strings.HasPrefix(f.Code, "4") && !strings.HasPrefix(f.Code, "5") {
			t.Errorf("%d: %+v, want %+v", c.code, err, c)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	_, err := email.New(email.Config{Host: "smtp.example.com/x", Port: 70000, Security: "ssl", From: "rouse", Dialer: &net.Dialer{}})
	for _, field := range []string{"Host", "Port", "Security", "From"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
	_, err = email.New(email.Config{Host: "localhost", Security: email.Plain, Username: "rouse", From: "rouse@example.com"})
	if err == nil || !strings.Contains(err.Error(), "in the clear") {
		t.Errorf("a password in the clear: %v", err)
	}
}
