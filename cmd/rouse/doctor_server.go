package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// examineServer asks Rouse where phones and providers do, and passes on what its audit says. From here is
// not from there: a firewall in between is not seen.
func examineServer(ctx context.Context, cfg config) []finding {
	const name = "public URL"
	client := &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var a alive
	status, err := ask(ctx, client, cfg.publicURL+"/healthz", nil, &a)
	var trouble string
	switch {
	case err != nil:
		trouble = fmt.Sprintf("no answer from %s: %v. Is `rouse serve` running? Set ROUSE_PUBLIC_URL to where it is reached from outside", cfg.publicURL, err)
	case status != http.StatusOK || a.Service != "rouse":
		trouble = fmt.Sprintf("%s answers %d, and not as Rouse does: check ROUSE_PUBLIC_URL and the proxy before it", cfg.publicURL, status)
	}
	if trouble != "" {
		return append([]finding{{name, fail, trouble}}, examineHeartbeat(cfg, nil)...)
	}
	var answer ready
	status, err = ask(ctx, client, cfg.publicURL+"/readyz", nil, &answer)
	all := append([]finding{examineScheme(cfg)}, examineAudit(cfg, answer, status, err)...)
	return append(all, examineHeartbeat(cfg, &answer)...)
}

func examineScheme(cfg config) finding {
	u, _ := url.Parse(cfg.publicURL) // parseConfig has read it already
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip.IsLoopback() || ip.IsPrivate()
	switch {
	case local && cfg.twilio.configured() && cfg.twilio.baseURL == "":
		return finding{"public URL", fail, cfg.publicURL + " answers, but Twilio cannot reach it: set ROUSE_PUBLIC_URL to an address on the internet"}
	case local:
		return finding{"public URL", warn, cfg.publicURL + " answers, but no phone elsewhere can reach it: set ROUSE_PUBLIC_URL"}
	case u.Scheme == "http":
		return finding{"public URL", warn, cfg.publicURL + " answers, unencrypted: put TLS before it and set ROUSE_PUBLIC_URL to https://…"}
	}
	return finding{"public URL", pass, cfg.publicURL + " answers"}
}

// examineAudit passes on what the server that answered says of itself.
func examineAudit(cfg config, answer ready, status int, err error) []finding {
	if err != nil || len(answer.Checks) == 0 {
		return []finding{{"server", fail, "is not ready to page, and does not say why: see the log of `rouse serve`, and the proxy before it"}}
	}
	whole := finding{"server", pass, "is ready to page"}
	if status != http.StatusOK {
		whole = finding{"server", fail, "is not ready to page: see below"}
	}
	all := []finding{whole}
	for _, check := range answer.Checks {
		if check.Check == "spool" && cfg.spool.dir != "" { // which /readyz, as anybody may read it, does not name
			check.Text += ", in " + cfg.spool.dir
		}
		check.Check = "server: " + check.Check
		all = append(all, check)
	}
	return all
}

// examineHeartbeat says what the server's own line does not: that it has none. answer is nil if no server
// answered.
func examineHeartbeat(cfg config, answer *ready) []finding {
	told := answer != nil && slices.ContainsFunc(answer.Checks, func(f finding) bool { return f.Check == "heartbeat" })
	switch {
	case told:
		return nil
	case cfg.heartbeat.url == "":
		return []finding{{"heartbeat", warn, "nobody is told when this Rouse dies: set ROUSE_HEARTBEAT_URL to the address of a dead-man's switch elsewhere"}}
	case answer != nil:
		return []finding{{"heartbeat", fail, "ROUSE_HEARTBEAT_URL is set here, and not for the server that answered: set it there, and start it again"}}
	}
	return []finding{{"heartbeat", warn, "is set; what became of the last one, only a running server can tell"}}
}
