package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// wordedAs is a template as the API tells it.
type wordedAs struct {
	Language string `json:"language,omitempty"`
	Channel  string `json:"channel,omitempty"`
	Purpose  string `json:"purpose,omitempty"`
	Title    string `json:"title,omitempty"`
	Text     string `json:"text,omitempty"`
	Options  string `json:"options,omitempty"`
	Version  int    `json:"version,omitempty"`
}

// part is the place of one of the texts, nil if there is no such.
func (w *wordedAs) part(name string) *string {
	return map[string]*string{"title": &w.Title, "text": &w.Text, "options": &w.Options}[name]
}

func templatePath(args []string) string {
	return "/v1/templates/" + url.PathEscape(args[0]) + "/" + url.PathEscape(args[1]) + "/" + url.PathEscape(args[2])
}

func (c *cli) templateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "template",
		Short: "Change how messages read",
		Long: `Template changes how messages read, by language, channel (sms, push, email, voice) and purpose (page, or
still_on, which asks who acknowledged whether they still have it).

A text is a Go template (https://pkg.go.dev/text/template) with these fields:
  .Key .Severity .Summary   every message begins with them
  .Code                     what an SMS is answered with; it has to stand in the first segment
  .Rest                     of an SMS: what was cut off .Summary to leave room for the code
  .Service .Role .Reason    "" if there is none; .PagedAs says the last two in a sentence
  .More .Count .Keys .Also  of several incidents: how many others, how many, all keys, the others
and these functions:
  {{spell .Key}} {{shorten 40 .Reason}} {{sentence .Summary}} {{plural .More "one" "many"}}

A template is kept only if it makes what every message is, in every script and for any length. A text that
cannot be made later is sent in built-in words: it pages all the same. It needs an admin's key.`,
		Example: `  rouse template preview --channel sms --language de --file draft.txt --incident HOT-12
  rouse template set de sms page --file draft.txt
  rouse template set de push page --part title --file title.txt
  rouse template delete de sms page
  rouse template language show en > fr.yaml    # translate it, then:
  rouse template language set fr --file fr.yaml`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.templateListCommand(), c.templateShowCommand(), c.templateSetCommand(), c.templateDeleteCommand(), c.templatePreviewCommand(), c.templateLanguageCommand())
	return cmd
}

func (c *cli) templateListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the templates there are",
		Example: `  rouse template list
  rouse template list --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var all struct{ Items []wordedAs }
			raw, err := api.get(cmd.Context(), "/v1/templates", nil, &all)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(raw)
			}
			if len(all.Items) == 0 {
				return c.print(said("", "There is none: messages read as is built in."))
			}
			var t table
			t.add(bold, "LANGUAGE", "CHANNEL", "PURPOSE", "PART", "TEMPLATE")
			for _, w := range all.Items {
				for _, name := range []string{"title", "text", "options"} {
					if source := *w.part(name); source != "" {
						t.add("", w.Language, w.Channel, w.Purpose, name, oneLine(source))
					}
				}
			}
			return c.print(t)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}

func (c *cli) templateShowCommand() *cobra.Command {
	var asJSON bool
	part := "text"
	cmd := &cobra.Command{
		Use:   "show LANGUAGE CHANNEL PURPOSE",
		Short: "Write a template as it is stored",
		Example: `  rouse template show de sms page > draft.txt
  rouse template show de push page --part title`,
		Args: takes("LANGUAGE", "CHANNEL", "PURPOSE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var w wordedAs
			raw, err := api.get(cmd.Context(), templatePath(args), nil, &w)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(raw)
			}
			source := w.part(part)
			if source == nil {
				return noSuchPart(part)
			}
			if *source == "" {
				return fmt.Errorf("the template has no %s: it is as it is built in", part)
			}
			_, err = fmt.Fprintln(c.stdout, *source)
			return err
		},
	}
	cmd.Flags().StringVar(&part, "part", part, "title, text or options")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}

func noSuchPart(part string) error {
	return usagef("--part %q is none: use title (push, email), text, or options (voice)", part)
}

func (c *cli) templateSetCommand() *cobra.Command {
	var file string
	var asJSON bool
	part := "text"
	cmd := &cobra.Command{
		Use:   "set LANGUAGE CHANNEL PURPOSE",
		Short: "Change one text",
		Long: `Set changes one text of the messages of a channel: its title (push, email), text, or options (voice). The
others stay as they are. Every node uses it within seconds.`,
		Example: `  rouse template set de sms page --file draft.txt
  rouse template set en voice page --part options --file options.txt`,
		Args: takes("LANGUAGE", "CHANNEL", "PURPOSE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var w wordedAs
			if w.part(part) == nil {
				return noSuchPart(part)
			}
			source, err := draftOf(cmd, file)
			if err != nil {
				return err
			}
			var headers []string
			if _, err := api.get(cmd.Context(), templatePath(args), nil, &w); err == nil {
				headers = append(headers, fmt.Sprintf("If-Match: %q", strconv.Itoa(w.Version)))
			} else if !hasStatus(err, http.StatusNotFound) {
				return err
			}
			*w.part(part) = source
			var now wordedAs
			if _, err := api.do(cmd.Context(), http.MethodPut, templatePath(args), wordedAs{Title: w.Title, Text: w.Text, Options: w.Options}, &now, headers...); err != nil {
				return err
			}
			if asJSON {
				return encodeJSON(c.stdout, now)
			}
			return c.print(said(green, fmt.Sprintf("Messages by %s in %s read so from now on. See `rouse template preview`.", args[1], now.Language)))
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "the text; - is standard input")
	cmd.Flags().StringVar(&part, "part", part, "title, text or options")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

// draftOf reads a text. The line break at its end is the editor's.
func draftOf(cmd *cobra.Command, file string) (string, error) {
	if file == "" {
		return "", usagef("--file is missing: name the file of the text, - is standard input")
	}
	text, err := readFile(file, cmd.InOrStdin())
	return string(bytes.TrimRight(text, "\r\n")), err
}

func (c *cli) templateDeleteCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "delete LANGUAGE CHANNEL PURPOSE",
		Short:   "Go back to the built-in words",
		Example: `  rouse template delete de sms page`,
		Args:    takes("LANGUAGE", "CHANNEL", "PURPOSE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if _, err := api.do(cmd.Context(), http.MethodDelete, templatePath(args), nil, nil); err != nil {
				return err
			}
			if asJSON {
				return encodeJSON(c.stdout, map[string]any{"language": args[0], "channel": args[1], "purpose": args[2], "deleted": true})
			}
			return c.print(said(green, fmt.Sprintf("Messages by %s in %s read as is built in.", args[1], args[0])))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

// previewed is how messages would read, as the API tells it.
type previewed struct {
	Texts []struct {
		Part     string   `json:"part"`
		Text     string   `json:"text"`
		Encoding string   `json:"encoding"`
		Units    int      `json:"units"`
		Segments []string `json:"segments"`
		Forcing  []string `json:"forcing"`
		Failed   string   `json:"failed"`
	} `json:"texts"`
	Faults []struct {
		Part   string `json:"part"`
		Line   int    `json:"line"`
		Detail string `json:"detail"`
	} `json:"faults"`
}

func (c *cli) templatePreviewCommand() *cobra.Command {
	var file, incident string
	var asJSON bool
	part, channel, language, purpose := "text", "sms", "en", "page"
	cmd := &cobra.Command{
		Use:   "preview",
		Short: "Show how messages would read, and how many segments an SMS takes",
		Long: `Preview shows how messages would read by a draft; without --file, by what is stored, or built in. Of an SMS
it shows each segment, whether it is in the GSM alphabet or in UCS-2, of which a segment holds less than
half, and which characters force that. Nothing is kept and nothing is sent.

The exit status is 1 if the draft would not be kept.`,
		Example: `  rouse template preview --channel sms --language de --file draft.txt --incident HOT-12
  rouse template preview --channel voice --purpose still_on`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var w wordedAs
			if w.part(part) == nil {
				return noSuchPart(part)
			}
			if file != "" {
				if *w.part(part), err = draftOf(cmd, file); err != nil {
					return err
				}
				if *w.part(part) == "" {
					return fmt.Errorf("%s is empty", called(file))
				}
			}
			wish := map[string]string{"language": language, "channel": channel, "purpose": purpose, part: *w.part(part)}
			if incident != "" {
				wish["incident"] = incident
			}
			return c.preview(cmd.Context(), api, wish, asJSON)
		},
	}
	cmd.Flags().StringVar(&channel, "channel", channel, "sms, push, email or voice")
	cmd.Flags().StringVar(&language, "language", language, "such as de, or de-CH")
	cmd.Flags().StringVar(&purpose, "purpose", purpose, "page or still_on")
	cmd.Flags().StringVar(&file, "file", "", "the draft; - is standard input")
	cmd.Flags().StringVar(&part, "part", part, "which text the draft is: title, text or options")
	cmd.Flags().StringVar(&incident, "incident", "", "take this incident instead of a made-up one")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}

func (c *cli) preview(ctx context.Context, api *client, wish map[string]string, asJSON bool) error {
	var p previewed
	raw, err := api.post(ctx, "/v1/templates/preview", wish, &p)
	if err != nil {
		return err
	}
	if asJSON {
		if err := c.printJSON(raw); err != nil {
			return err
		}
	} else if err := c.print(p.table()); err != nil {
		return err
	}
	return p.err()
}

func (p previewed) table() (t table) {
	for _, text := range p.Texts {
		title := text.Part
		if text.Encoding != "" {
			title = fmt.Sprintf("%s: %s in %s, %d %s", text.Part, plural(len(text.Segments), "segment", "segments"), text.Encoding, text.Units, unitsOf(text.Encoding))
		}
		t.add(bold, title)
		if len(text.Segments) > 1 {
			for i, segment := range text.Segments {
				for j, line := range strings.Split(segment, "\n") {
					number := ""
					if j == 0 {
						number = fmt.Sprintf("  %d  ", i+1)
					}
					t.add("", number+line)
				}
			}
		} else {
			for _, line := range strings.Split(text.Text, "\n") {
				t.add("", "  "+line)
			}
		}
		if len(text.Forcing) > 0 {
			t.add(yellow, "  UCS-2 because of "+strings.Join(text.Forcing, " "))
		}
		if text.Failed != "" {
			t.add(red, "  built-in words, as the template fails: "+text.Failed)
		}
	}
	return t
}

func unitsOf(encoding string) string {
	if encoding == "UCS-2" {
		return "UTF-16 code units"
	}
	return "septets"
}

func (p previewed) err() error {
	var lines []string
	for _, f := range p.Faults {
		where := f.Part
		if f.Line > 0 {
			where += fmt.Sprintf(", line %d", f.Line)
		}
		lines = append(lines, where+": "+f.Detail)
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New("it would not be kept:\n  " + strings.Join(lines, "\n  "))
}
