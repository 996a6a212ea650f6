package main

import (
	"fmt"
	"slices"
	"strings"

	"rouse/cmd/rouse/spelling"
)

// settingsHelp lists settings for people, section by section.
func settingsHelp() string {
	var b strings.Builder
	b.WriteString("Settings are environment variables. Those with a * may also be read from a file: set\n" +
		"the name with _FILE behind it to the file's path.\n")
	var last section
	for _, s := range settings {
		if s.section != last {
			fmt.Fprintf(&b, "\n%s:\n", s.section)
			last = s.section
		}
		name, help := s.name, s.help
		if s.secret {
			name += " *"
		}
		if s.fallback != "" {
			help += fmt.Sprintf(" (default %s)", s.fallback)
		}
		for i, line := range wrap(help, 58) {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(&b, "  %-35s %s\n", name, line)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// wrap breaks text between words into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

// unknownSettings warns of ROUSE_* variables that nothing reads, with the name that was probably meant.
func unknownSettings(environ []string) (warnings []string) {
	known := settingNames()
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "ROUSE_") && !slices.Contains(known, name) && !setByOthers(name) {
			warnings = append(warnings, fmt.Sprintf("%s is set, and nothing reads it: %s", name, meant(name, known)))
		}
	}
	slices.Sort(warnings)
	return warnings
}

// meant guesses what an unknown name stands for.
func meant(name string, known []string) string {
	if plain := strings.TrimSuffix(name, "_FILE"); slices.Contains(known, plain) {
		return "only secrets may be in files; set " + plain
	}
	nearest := slices.MinFunc(known, func(a, b string) int { return spelling.Distance(name, a) - spelling.Distance(name, b) })
	if spelling.Distance(name, nearest) <= len(name)/3 {
		return "did you mean " + nearest + "?"
	}
	return "`rouse serve --help` lists the settings"
}

func settingNames() (names []string) {
	for _, s := range settings {
		names = append(names, s.name)
		if s.secret {
			names = append(names, s.name+"_FILE")
		}
	}
	return names
}

// setByOthers tells the variables that tests read, and those that Kubernetes sets in every pod beside a
// Service named rouse (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
func setByOthers(name string) bool {
	return name == "ROUSE_PORT" || strings.HasPrefix(name, "ROUSE_PORT_") || strings.HasPrefix(name, "ROUSE_TEST_") ||
		name == "ROUSE_SERVICE_HOST" || strings.HasPrefix(name, "ROUSE_SERVICE_PORT")
}
