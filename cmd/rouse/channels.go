package main

import (
	"net/http"

	"rouse/notifiers"
	"rouse/notifiers/ntfy"
	"rouse/notifiers/twilio"
)

// newChannels makes what messages can be sent on, from the providers that are set up. account is what
// verifies Twilio's callbacks, nil without Twilio.
func newChannels(cfg config) (channels map[notifiers.Channel]notifiers.Notifier, account *twilio.Twilio, err error) {
	outside := cfg.outside()
	channels = map[notifiers.Channel]notifiers.Notifier{}
	if cfg.twilio.configured() {
		account, err = newTwilio(cfg, outside)
		if err != nil {
			return nil, nil, err
		}
		channels[notifiers.SMS] = notifiers.NewChain(notifiers.Provider{Name: twilio.Provider, Notifier: account.SMS()})
		channels[notifiers.Voice] = notifiers.NewChain(notifiers.Provider{Name: twilio.Provider, Notifier: account.Voice()})
	}
	if cfg.ntfy.configured() {
		server, err := ntfy.New(ntfy.Config{BaseURL: cfg.ntfy.url, Token: cfg.ntfy.token, HTTP: outside})
		if err != nil {
			return nil, nil, err
		}
		channels[notifiers.Push] = notifiers.NewChain(notifiers.Provider{Name: ntfy.Provider, Notifier: server})
	}
	return channels, account, nil
}

// outside is the client for everything that goes to a provider.
func (c config) outside() *http.Client {
	return notifiers.Guard{AllowPrivate: c.allowPrivate}.Client()
}

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
