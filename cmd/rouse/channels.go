package main

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"rouse/api/providers"
	"rouse/api/seal"
	"rouse/engine/enginedb"
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
		all = append(all, providers.Given{Name: twilio.Provider, Kind: providers.Twilio, Twilio: account,
			Channels: map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: account.SMS(), notifiers.Voice: account.Voice()}})
	}
	if cfg.ntfy.configured() {
		server, err := ntfy.New(ntfy.Config{BaseURL: cfg.ntfy.url, Token: cfg.ntfy.token, HTTP: outside})
		if err != nil {
			return nil, err
		}
		all = append(all, providers.Given{Name: ntfy.Provider, Kind: providers.Ntfy, Channels: map[notifiers.Channel]notifiers.Notifier{notifiers.Push: server}})
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
	return providers.New(providers.Config{DB: db, Secrets: secrets, Given: all, Log: log,
		Outside: providers.Outside{HTTP: cfg.outside(), Dialer: cfg.guard().Dialer(), PublicURL: cfg.publicURL}}), nil
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

// outside is the client for everything that goes to a provider.
func (c config) outside() *http.Client { return c.guard().Client() }

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
		HTTP:                outside,
	})
}
