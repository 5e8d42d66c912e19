package mail

import (
	"bytes"
	"encoding/json"
	"time"
)

// person is an address as postern parse prints it.
type person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type parsedFile struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Inline bool   `json:"inline"`

	Message *parsedMessage `json:"message,omitempty"` // the mail that the file is
}

// parsedLine is what postern parse prints: its names are a promise.
type parsedLine struct {
	File string `json:"file"`
	*parsedMessage
}

type parsedMessage struct {
	Subject     string       `json:"subject"`
	From        *person      `json:"from"`
	To          []person     `json:"to"`
	Cc          []person     `json:"cc"`
	Date        *time.Time   `json:"date"`
	MessageID   string       `json:"messageId"`
	InReplyTo   []string     `json:"inReplyTo"`
	References  []string     `json:"references"`
	Text        string       `json:"text"`
	NewText     string       `json:"newText"`
	HTML        string       `json:"html"`
	Attachments []parsedFile `json:"attachments"`
	Kind        Kind         `json:"kind"`
	Report      *Report      `json:"report"`
	IsReply     bool         `json:"isReply"`
	IsForward   bool         `json:"isForward"`
	IsAutoReply bool         `json:"isAutoReply"`
	IsBounce    bool         `json:"isBounce"`
	IsList      bool         `json:"isList"`
	Signed      string       `json:"signed,omitempty"`
	Encrypted   string       `json:"encrypted,omitempty"`
	Calendar    *Event       `json:"calendar,omitempty"`
	Warnings    []string     `json:"warnings"`
}

// MarshalParsed makes the JSON object that postern parse prints for a message read from file, on one
// line without a line end. Lists are never null; from and date are when the mail has none that can be read, report when it is no bounce or delay.
func (m *Message) MarshalParsed(file string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(parsedLine{decodeRaw(file, ""), m.parsed()}); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func (m *Message) parsed() *parsedMessage {
	p := &parsedMessage{
		Subject: m.Subject, To: persons(m.To), Cc: persons(m.Cc),
		MessageID: m.MessageID, InReplyTo: list(m.InReplyTo), References: list(m.References),
		Text: m.Text, NewText: m.NewText(), HTML: m.HTML, Attachments: make([]parsedFile, 0, len(m.Attachments)),
		Kind: m.Kind, Report: m.Report,
		IsReply: m.IsReply, IsForward: m.IsForward, IsAutoReply: m.IsAutoReply, IsBounce: m.IsBounce, IsList: m.IsList,
		Signed: m.Signed, Encrypted: m.Encrypted, Calendar: m.Calendar,
		Warnings: make([]string, 0, len(m.Warnings)),
	}
	if from := persons(m.From); len(from) > 0 {
		p.From = &from[0]
	}
	if !m.Date.IsZero() {
		p.Date = &m.Date
	}
	for _, a := range m.Attachments {
		f := parsedFile{Name: a.Name, Type: a.Type, Size: a.Size, SHA256: a.SHA256, Inline: a.Inline}
		if a.Message != nil {
			f.Message = a.Message.parsed()
		}
		p.Attachments = append(p.Attachments, f)
	}
	for _, w := range m.Warnings {
		p.Warnings = append(p.Warnings, w.Code+": "+w.Detail)
	}
	return p
}

func persons(addresses []Address) []person {
	out := make([]person, 0, len(addresses))
	for _, a := range addresses {
		out = append(out, person{a.Name, a.Email})
	}
	return out
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
