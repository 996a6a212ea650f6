package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"rouse/api/providers"
	"rouse/api/seal"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/email"
	"rouse/notifiers/ntfy"
	"rouse/notifiers/twilio"
)

// fromSettings are the providers that the settings set up.
func fromSettings(cfg config) (all []providers.Given, err error) {
	outside := cfg.outside()
	if cfg.twilio.configured() {
		account, err := newTwilio(cfg, outside)
		if err != nil {
			return nil, err
		}
		all = append(all, providers.Given{Name: twilio.Provider, Kind: providers.Twilio, Twilio: account, Canary: cfg.twilio.canary,
			Channels: map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: account.SMS(), notifiers.Voice: account.Voice()},
			Limits:   map[notifiers.Channel]notifiers.Limit{notifiers.SMS: cfg.twilio.smsLimit, notifiers.Voice: cfg.twilio.voiceLimit}})
	}
	if cfg.ntfy.configured() {
		server, err := ntfy.New(ntfy.Config{BaseURL: cfg.ntfy.url, Token: cfg.ntfy.token, HTTP: outside})
		if err != nil {
			return nil, err
		}
		all = append(all, providers.Given{Name: ntfy.Provider, Kind: providers.Ntfy, Canary: cfg.ntfy.canary, Channels: map[notifiers.Channel]notifiers.Notifier{notifiers.Push: server},
			Limits: map[notifiers.Channel]notifiers.Limit{notifiers.Push: cfg.ntfy.limit}})
	}
	if s := cfg.smtp; s.configured() {
		server, err := email.New(email.Config{Host: s.host, Port: s.port, Security: s.security, Username: s.username, Password: s.password, From: s.from, Dialer: cfg.guard().Dialer()})
		if err != nil {
			return nil, err
		}
		all = append(all, providers.Given{Name: email.Provider, Kind: providers.Email, Channels: map[notifiers.Channel]notifiers.Notifier{notifiers.Email: server}})
	}
	return all, nil
}

// newCarriers makes the registry of who carries messages.
func newCarriers(cfg config, db enginedb.DB, secrets *seal.Box, log *slog.Logger) (*providers.Registry, error) {
	all, err := fromSettings(cfg)
	if err != nil {
		return nil, err
	}
	return providers.New(providers.Config{DB: db, Secrets: secrets, Given: all, Offset: cfg.clockOffset, Log: log,
		Outside: providers.Outside{HTTP: cfg.outside(), ForUsers: cfg.forUsers(), Dialer: cfg.guard().Dialer(), PublicURL: cfg.publicURL, RingFor: cfg.delivery.ringFor}}), nil
}

// basePath is the path that Rouse is below at its public address, usually "".
func (c config) basePath() string {
	u, err := url.Parse(c.publicURL)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
}

func (c config) guard() notifiers.Guard { return notifiers.Guard{AllowPrivate: c.allowPrivate} }

// outside is the client for everything that goes to where the settings say.
func (c config) outside() *http.Client { return c.guard().Client() }

// forUsers is the client for every address that somebody else gives.
func (c config) forUsers() *http.Client { return c.guard().ForUsers().Client() }

func newTwilio(cfg config, outside *http.Client) (*twilio.Twilio, error) {
	return twilio.New(twilio.Config{
		AccountSID:          cfg.twilio.accountSID,
		AuthTokens:          cfg.twilio.authTokens,
		APIKey:              cfg.twilio.apiKey,
		APISecret:           cfg.twilio.apiSecret,
		From:                cfg.twilio.from,
		MessagingServiceSID: cfg.twilio.messagingServiceSID,
		BaseURL:             cfg.twilio.baseURL,
		CallbackBase:        cfg.publicURL,
		RingFor:             cfg.delivery.ringFor,
		HTTP:                outside,
	})
}

// rehearsed is the engine as providers' callbacks have it: what they say of a test, or of a canary, is no news about an
// attempt.
type rehearsed struct {
	*pager.Pager
	carriers *providers.Registry
}

// Report takes in a receipt. That of a nonce which is no attempt's may be that of a canary or a test.
func (t rehearsed) Report(ctx context.Context, nonce string, r notifiers.Receipt) error {
	err := t.Pager.Report(ctx, nonce, r)
	if err == nil {
		t.carriers.Heard(nonce, r)
	}
	if !errors.Is(err, pager.ErrNotFound) {
		return err
	}
	if told := t.CanaryTold(ctx, nonce, r); !errors.Is(told, pager.ErrNotFound) {
		return told
	}
	if told := t.carriers.Told(ctx, nonce, r); !errors.Is(told, enginedb.ErrNotFound) {
		return told
	}
	return err
}
