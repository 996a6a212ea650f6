package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// language is a set of words, as it is in a file and as the API tells it.
type language struct {
	Tag     string            `json:"tag,omitempty" yaml:"-"`
	Unicode bool              `json:"unicode,omitempty" yaml:"unicode,omitempty"`
	Words   map[string]string `json:"words" yaml:"words"`
	BuiltIn bool              `json:"built_in,omitempty" yaml:"-"`
	Version int               `json:"version,omitempty" yaml:"-"`
}

func languagePath(tag string) string { return "/v1/languages/" + url.PathEscape(tag) }

func (c *cli) templateLanguageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "language",
		Short: "Add languages, each by one file of sentences",
		Long: `Language adds languages that messages and answers are written in, beside English and German, or changes the
words of these. Each is a file of sentences, YAML or JSON: write out the English one and translate it. %s and
%d are filled in, and have to stay. What people answer with stays "no", or what Rouse understands.

A language that the alphabet of SMS has not got the letters of says "unicode: true"; its SMS cost more.`,
		Example: `  rouse template language list
  rouse template language show en > fr.yaml
  rouse template language set fr --file fr.yaml
  rouse template language delete fr`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.languageListCommand(), c.languageShowCommand(), c.languageSetCommand(), c.languageDeleteCommand())
	return cmd
}

func (c *cli) languageListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the languages that messages are written in",
		Example: `  rouse template language list
  rouse template language list --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var all struct{ Items []language }
			raw, err := api.get(cmd.Context(), "/v1/languages", nil, &all)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(raw)
			}
			var t table
			t.add(bold, "LANGUAGE", "WORDS")
			for _, l := range all.Items {
				from := "yours, version " + strconv.Itoa(l.Version)
				if l.BuiltIn {
					from = "built in"
				}
				t.add("", l.Tag, from)
			}
			return c.print(t)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}

func (c *cli) languageShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show LANGUAGE",
		Short:   "Write the sentences of a language, as a file to change",
		Example: `  rouse template language show en > fr.yaml`,
		Args:    takes("LANGUAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var l language
			raw, err := api.get(cmd.Context(), languagePath(args[0]), nil, &l)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(raw)
			}
			text, err := yaml.Marshal(l)
			if err != nil {
				return err
			}
			_, err = c.stdout.Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}

func (c *cli) languageSetCommand() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "set LANGUAGE",
		Short:   "Add a language, or change its words",
		Example: `  rouse template language set fr --file fr.yaml`,
		Args:    takes("LANGUAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			text, err := draftOf(cmd, file)
			if err != nil {
				return err
			}
			var l language
			if err := yaml.Unmarshal([]byte(text), &l); err != nil { // JSON is YAML
				return fmt.Errorf("%s is no file of sentences: %w. `rouse template language show en` writes one", called(file), err)
			}
			var now language
			if _, err := api.do(cmd.Context(), http.MethodPut, languagePath(args[0]), language{Unicode: l.Unicode, Words: l.Words}, &now); err != nil {
				return err
			}
			if asJSON {
				return encodeJSON(c.stdout, now)
			}
			return c.print(said(green, fmt.Sprintf("Whoever has the language %s gets messages in these words.", now.Tag)))
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "the sentences, YAML or JSON; - is standard input")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

func (c *cli) languageDeleteCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "delete LANGUAGE",
		Short:   "Delete a language",
		Long:    `Whoever has the language gets messages in English; en and de go back to the built-in words.`,
		Example: `  rouse template language delete fr`,
		Args:    takes("LANGUAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if _, err := api.do(cmd.Context(), http.MethodDelete, languagePath(args[0]), nil, nil); err != nil {
				return err
			}
			if asJSON {
				return encodeJSON(c.stdout, map[string]any{"language": args[0], "deleted": true})
			}
			return c.print(said(green, fmt.Sprintf("Language %s is deleted.", args[0])))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}
