package dsl

import (
	"fmt"
	"io"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// Given is what a test assumes. What is not given is nil or zero.
type Given struct {
	Sender   *Sender // with Trust; Known unless the trust is "none"
	Recent   int     // messages of the sender before this one
	People   []Person
	Issue    *GivenIssue
	Auth     *Auth
	Envelope *Envelope
	Mailbox  string
	Time     time.Time
}

// GivenIssue is an issue that a test assumes to exist.
type GivenIssue struct {
	Issue
	MessageIDs   []string // the Message-IDs of its mail, with angle brackets
	Participants []string // addresses; nil: everybody whom the test's mail names
	Thread       string   // a key that it is found by
	Texts        []string // of its earlier mails
}

// A Person is somebody whom a test assumes to be known.
type Person struct {
	Email        string `expr:"email"`
	Name         string `expr:"name"`
	Role         string `expr:"role"`
	Organization string `expr:"organization"`
}

// What can be given of an issue and of a sender beside what rules see of them.
var (
	givenIssueKeys  = []string{"messageIds", "participants", "thread", "texts"}
	givenSenderKeys = []string{"trust", "recent"}
)

const largestMail = 64 << 20 // bytes of a file that a test names

// given reads one `given` line of a test.
func (c *compiler) given(f *File, g givenLine, into *Given) {
	switch g.kind.text {
	case "mailbox":
		g.mailbox.text = c.fillName(g.mailbox)
		if message, hint := c.opts.Vocabulary.unknown(vocabularyMailbox, g.mailbox.text); message != "" {
			c.error(f.src, g.mailbox.offset, message, hint)
		}
		into.Mailbox = g.mailbox.text
		return
	case "time":
		v, ok := c.constant(g.value, "given time")
		if !ok {
			return
		}
		switch t := v.(type) {
		case time.Time:
			into.Time = t
		case string:
			at, err := parseTime(t)
			if err != nil {
				c.error(g.value.src, g.value.start, err.Error(), "")
			}
			into.Time = at
		default:
			c.error(g.value.src, g.value.start, "given time needs a time, not "+typeName(typeOf(v)), `write it as: given time "2026-01-31T15:04:05Z"`)
		}
		return
	}
	c.givenMap(g, into)
}

// givenMap reads `given KIND {key: value, …}`.
func (c *compiler) givenMap(g givenLine, into *Given) {
	v, ok := c.constant(g.value, "given")
	if !ok {
		return
	}
	if g.kind.text == "people" {
		c.givenPeople(g, v, into)
		return
	}
	values, ok := v.(map[string]any)
	if !ok {
		c.error(g.value.src, g.value.start, "given "+g.kind.text+" needs a map", "write it as: given "+g.kind.text+" {key: value, …}")
		return
	}
	var target reflect.Value
	switch g.kind.text {
	case "sender":
		into.Sender = &Sender{}
		target = reflect.ValueOf(into.Sender)
	case "issue":
		into.Issue = &GivenIssue{}
		target = reflect.ValueOf(&into.Issue.Issue)
	case "auth":
		into.Auth = &Auth{}
		target = reflect.ValueOf(into.Auth)
	case "envelope":
		into.Envelope = &Envelope{}
		target = reflect.ValueOf(into.Envelope)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := setGiven(target.Elem(), into, g.kind.text, key, values[key]); err != nil {
			c.error(g.value.src, c.keyOffset(g.value, key), err.Error(), "")
			continue
		}
		c.givenNames(g, key, values[key])
	}
	if s := into.Sender; g.kind.text == "sender" {
		if _, said := values["known"]; !said {
			s.Known = trustRank(s.Trust) > 0 || s.Role != "" || s.Organization != ""
		}
		if _, said := values["trust"]; !said && s.Known {
			s.Trust = "known"
		}
		for _, key := range []string{"role", "organization"} {
			if v, said := values[key]; said && v != "" && s.Trust != "authenticated" {
				c.warn(g.value.src, c.keyOffset(g.value, key), "unproven", "this sender's "+key+" is not proven: rules see it in sender.claimed."+key+" alone",
					`add trust: "authenticated"`)
			}
		}
	}
}

// givenPeople reads `given people [{key: value, …}, …]`.
func (c *compiler) givenPeople(g givenLine, v any, into *Given) {
	const hint = `write it as: given people [{email: "ann@example.org", role: "agent"}]`
	list, ok := v.([]any)
	if !ok {
		c.error(g.value.src, g.value.start, "given people needs a list of maps", hint)
		return
	}
	for _, e := range list {
		values, ok := e.(map[string]any)
		if !ok {
			c.error(g.value.src, g.value.start, "given people needs a list of maps, and this holds "+typeName(typeOf(e)), hint)
			return
		}
		p := Person{}
		target := reflect.ValueOf(&p).Elem()
		for _, key := range slices.Sorted(maps.Keys(values)) {
			i := fieldIndex(target.Type(), key)
			if i < 0 {
				names := fieldNames(target.Type())
				c.error(g.value.src, g.value.start, "given people has no "+quoteShort(key)+didYouMean(key, names)+"; it has: "+strings.Join(names, ", "), "")
				continue
			}
			if err := assign(target.Field(i), key, values[key]); err != nil {
				c.error(g.value.src, g.value.start, err.Error(), "")
			}
		}
		if p.Email = strings.ToLower(p.Email); p.Email == "" {
			c.error(g.value.src, g.value.start, "somebody in given people has no email", hint)
		}
		into.People = append(into.People, p)
	}
}

// givenNames checks the values that are names of the configuration.
func (c *compiler) givenNames(g givenLine, key string, v any) {
	s, ok := v.(string)
	if !ok {
		return
	}
	if message, hint := c.opts.Vocabulary.unknown(givenVocabulary(g.kind.text, key), s); message != "" {
		c.error(g.value.src, c.keyOffset(g.value, key), message, hint)
	}
}

// givenVocabulary says which names of the configuration a value is one of.
func givenVocabulary(kind, key string) vocabulary {
	switch {
	case kind == "sender" && key == "trust":
		return vocabularyTrust
	case kind == "issue" && slices.Contains([]string{"type", "class", "priority", "status"}, key):
		return vocabulary(key)
	}
	return ""
}

// keyOffset is where a key stands in the map.
func (c *compiler) keyOffset(f fragment, key string) int {
	tree, err := parser.ParseWithConfig(f.text, c.cfg)
	if err != nil {
		return f.start
	}
	m, ok := tree.Node.(*ast.MapNode)
	if !ok {
		return f.start
	}
	for _, p := range m.Pairs {
		if pair, ok := p.(*ast.PairNode); ok {
			if k, ok := pair.Key.(*ast.StringNode); ok && k.Value == key {
				return f.offset(k.Location().From)
			}
		}
	}
	return f.start
}

// setGiven sets the field that scripts know by the key.
func setGiven(target reflect.Value, into *Given, kind, key string, v any) error {
	switch {
	case kind == "issue" && (key == "messageIds" || key == "participants" || key == "texts"):
		texts, err := asTexts([]any{v}, 0)
		if err != nil {
			return fmt.Errorf("%s needs a list of texts", key)
		}
		switch key {
		case "messageIds":
			into.Issue.MessageIDs = texts
			return nil
		case "texts":
			into.Issue.Texts = texts
			return nil
		}
		into.Issue.Participants = make([]string, 0, len(texts))
		for _, t := range texts {
			into.Issue.Participants = append(into.Issue.Participants, strings.ToLower(t))
		}
		return nil
	case kind == "issue" && key == "thread":
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("thread needs a text, not %s", typeName(typeOf(v)))
		}
		into.Issue.Thread = s
		return nil
	case kind == "sender" && key == "recent":
		n, ok := v.(int)
		if !ok || n < 0 {
			return fmt.Errorf("recent needs a whole number: how many messages of the sender came before this one")
		}
		into.Recent = n
		return nil
	case kind == "sender" && key == "trust":
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("trust needs a text, not %s", typeName(typeOf(v)))
		}
		into.Sender.Trust = s
		return nil
	}
	names := fieldNames(target.Type())
	i := fieldIndex(target.Type(), key)
	if i < 0 {
		switch kind {
		case "issue":
			names = append(names, givenIssueKeys...)
		case "sender":
			names = append(names, givenSenderKeys...)
		}
		near := didYouMean(key, names)
		if meant, ok := strings.CutPrefix(habit(kind, key), kind+"."); ok {
			meant, _, _ = strings.Cut(meant, ".")
			near = "; did you mean " + strings.Fields(meant)[0] + "?"
		}
		return fmt.Errorf("given %s has no %s%s; it has: %s", kind, quoteShort(key), near, strings.Join(names, ", "))
	}
	if err := possible(target.Type(), key, v); err != nil {
		return err
	}
	return assign(target.Field(i), key, v)
}

// possible says whether a member can have a value that is given: a test of what cannot be would pass for nothing.
func possible(t reflect.Type, key string, v any) error {
	s, ok := v.(string)
	if !ok || s == "" {
		return nil
	}
	if known := membersByType[t][key].values; known != nil && !slices.Contains(known, s) {
		return fmt.Errorf("%s is never %s%s; it is one of: %s", key, quoteShort(s), didYouMean(s, known), enumerate(known))
	}
	if _, err := netip.ParseAddr(s); err != nil && t == reflect.TypeFor[Envelope]() && key == "ip" {
		return fmt.Errorf("%s is no IP address: write one such as %q", quoteShort(s), "198.51.100.7")
	}
	return nil
}

func fieldIndex(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("expr") == name && name != "-" {
			return i
		}
	}
	return -1
}

// assign sets a field of a view from a constant.
func assign(field reflect.Value, key string, v any) error {
	wrong := func(want string) error { return fmt.Errorf("%s needs %s, not %s", key, want, typeName(typeOf(v))) }
	switch field.Interface().(type) {
	case Address:
		switch v := v.(type) {
		case string:
			field.Set(reflect.ValueOf(addressOf(v)))
			return nil
		case map[string]any:
			a, _ := v["email"].(string)
			address := addressOf(a)
			address.Name, _ = v["name"].(string)
			field.Set(reflect.ValueOf(address))
			return nil
		}
		return wrong("an address")
	case time.Time:
		switch v := v.(type) {
		case time.Time:
			field.Set(reflect.ValueOf(v))
			return nil
		case string:
			t, err := parseTime(v)
			field.Set(reflect.ValueOf(t))
			return err
		}
		return wrong("a time")
	case time.Duration:
		d, err := asDuration([]any{v}, 0)
		if err != nil {
			return wrong(kindDuration.String())
		}
		field.SetInt(int64(d))
		return nil
	case []string:
		texts, err := asTexts([]any{v}, 0)
		if err != nil {
			return wrong("a list of texts")
		}
		field.Set(reflect.ValueOf(texts))
		return nil
	case map[string]string:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong("a map")
		}
		fields := map[string]string{}
		for k, e := range m {
			s, err := asString(e)
			if err != nil {
				return fmt.Errorf("%s.%s needs a text, not %s", key, k, typeName(typeOf(e)))
			}
			fields[k] = s
		}
		field.Set(reflect.ValueOf(fields))
		return nil
	case Claimed:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong("a map")
		}
		for k, e := range m {
			i := fieldIndex(field.Type(), k)
			if i < 0 {
				return fmt.Errorf("%s has no %s", key, quoteShort(k))
			}
			if err := assign(field.Field(i), k, e); err != nil {
				return err
			}
		}
		return nil
	}
	value := reflect.ValueOf(v)
	if !value.IsValid() || value.Kind() != field.Kind() {
		return wrong(typeName(field.Type()))
	}
	field.Set(value.Convert(field.Type()))
	return nil
}

// addressOf makes an address of its text form.
func addressOf(email string) Address {
	email = strings.ToLower(strings.TrimSpace(email))
	a := Address{Email: email, Display: email}
	if i := strings.LastIndexByte(email, '@'); i >= 0 {
		a.Local, a.Domain = email[:i], email[i+1:]
	}
	return a
}

// constant evaluates an expression that knows no mail.
func (c *compiler) constant(f fragment, what string) (any, bool) {
	e := c.compile(f, scope{what: what, constant: true}, nil)
	if e == nil {
		return nil, false
	}
	v, err := c.compute(e)
	if err != nil {
		c.failed(err, &f)
		return nil, false
	}
	return v, true
}

// mailFile reads the file of `mail file("x.eml")`.
func (c *compiler) mailFile(f *File, name word) []byte {
	fail := func(message string) []byte {
		c.error(f.src, name.offset, message, "")
		return nil
	}
	switch {
	case !localPath(name.text):
		return fail("the mail's file must lie below the rules folder")
	case c.opts.Open == nil:
		return fail("files cannot be read here")
	}
	if data, ok := c.mails[name.text]; ok {
		return data // many tests may share one
	}
	r, err := c.opts.Open(name.text)
	if err != nil {
		return fail("cannot read the mail: " + err.Error())
	}
	data, err := io.ReadAll(io.LimitReader(r, largestMail+1))
	if e := r.Close(); err == nil {
		err = e
	}
	if err == nil && len(data) > largestMail {
		err = fmt.Errorf("it is larger than %d MiB", largestMail>>20)
	}
	if err != nil {
		return fail("cannot read the mail: " + err.Error())
	}
	c.mails[name.text] = data
	return data
}
