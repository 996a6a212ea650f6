package main

import (
	"io"
	"log/slog"
	"regexp"

	"rouse/notifiers"
)

// newLog is the program's log. Phone numbers are masked wherever they stand in it, as a last resort:
// whoever logs masks them already.
func newLog(w io.Writer, cfg config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.logLevel, ReplaceAttr: maskAttr}
	if cfg.logJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// quietLog is for commands that answer in person: it has warnings only, unless debugging is asked for.
func (c *cli) quietLog(cfg config) *slog.Logger {
	if cfg.logLevel == slog.LevelInfo {
		cfg.logLevel = slog.LevelWarn
	}
	return newLog(c.stderr, cfg)
}

func maskAttr(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(maskNumbers(a.Value.String()))
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(maskNumbers(err.Error()))
		}
	}
	return a
}

// phoneNumber is narrower than what notifiers looks for: only with its plus sign is a number in a log
// line surely no process id and no amount.
var phoneNumber = regexp.MustCompile(`(?:\+|%2[Bb])[1-9][0-9]{6,14}`)

func maskNumbers(text string) string {
	return phoneNumber.ReplaceAllStringFunc(text, notifiers.MaskNumbers)
}
