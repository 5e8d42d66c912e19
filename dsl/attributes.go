package dsl

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"
)

// Attributes are what a rule or token says about itself.
type Attributes struct {
	Disabled bool      // it is checked, and asked of no mail
	Until    time.Time // from then on it is skipped; zero for never
	Sample   float64   // percent of messages that it is asked about; 0 where it says nothing: all
	Owner    string    // who answers for it
	Doc      string    // what it is for
}

// Skip says why a rule is not asked about a message, "" where it is.
type Skip string

const (
	SkipUntil  Skip = "until"       // its time is over
	SkipSample Skip = "not sampled" // the message is not in its share
)

// Skipped says whether the rule passes over the run's message. It depends on the message's time and key alone, so each node,
// and each replay, comes to the same.
func (rule *Rule) Skipped(r *Run) Skip {
	switch {
	case !rule.Until.IsZero() && !r.view.Now.Before(rule.Until):
		return SkipUntil
	case rule.Sample > 0 && r.share() >= rule.Sample/100:
		return SkipSample
	}
	return ""
}

// share is where among all messages, from 0 up to 1, this one's key puts it. A rule with a larger share is asked about all
// that one with a smaller share is asked about.
func (r *Run) share() float64 {
	if r.shared == 0 {
		sum := sha256.Sum256([]byte("sample\x00" + r.view.Key))
		r.shared = math.Max(float64(binary.BigEndian.Uint64(sum[:])>>11)/(1<<53), math.SmallestNonzeroFloat64)
	}
	return r.shared
}

// UntilText is Until as a rule would write it, "" without one.
func (a Attributes) UntilText() string {
	switch t := a.Until.UTC(); {
	case a.Until.IsZero():
		return ""
	case t.Truncate(24 * time.Hour).Equal(t):
		return t.AddDate(0, 0, -1).Format(time.DateOnly) // the whole of that day
	default:
		return t.Format(time.RFC3339)
	}
}

// SampleText is Sample as a rule would write it, "" without one.
func (a Attributes) SampleText() string {
	if a.Sample == 0 {
		return ""
	}
	return strconv.FormatFloat(a.Sample, 'f', -1, 64) + "%"
}

// attribute reads until, sample, owner or doc.
func (p *fileParser) attribute(r *RuleBlock) {
	name := p.text(p.peek())
	p.at++
	p.expects(spotNew)
	switch name {
	case "until":
		p.until(r)
	case "sample":
		p.sample(r)
	case "owner":
		r.Owner = oneLine(p.attributeText(`write it as: owner "support team"`))
	case "doc":
		r.Doc = p.attributeText(`write it as: doc "what the rule is for"`)
	}
}

func (p *fileParser) attributeText(hint string) string {
	t := p.peek()
	if t.kind == tokenText {
		p.at++
		return strings.TrimSpace(strings.ReplaceAll(string(dedent(p.text(t))), "\r\n", "\n"))
	}
	text, err := unquote(p.text(t))
	if t.kind != tokenString || err != nil {
		if !t.bad { // else it is reported
			p.error(t.start, p.text(p.tokens[p.at-1])+" needs a text in quotes", hint)
		}
		p.skipLine()
		return ""
	}
	p.at++
	if strings.TrimSpace(text) == "" {
		p.error(t.start, "this text is empty", hint)
	}
	return cleanLines(text)
}

// touching reads tokens that touch each other, as a date's do, or one text in quotes.
func (p *fileParser) touching() (word, bool) {
	t := p.peek()
	if t.kind == tokenString {
		text, err := unquote(p.text(t))
		p.at++
		return word{text, t.start}, err == nil
	}
	start := p.at
	for p.peek().kind != tokenEOF && p.peek().kind != tokenNewline && !p.is(";") && !p.is("}") && (p.at == start || p.tokens[p.at-1].end == p.peek().start) {
		p.at++
	}
	if p.at == start {
		return word{"", t.start}, false
	}
	return word{p.src.text[t.start:p.tokens[p.at-1].end], t.start}, true
}

// until reads `until DATE`: the date's day is the last on which the rule counts; a time is when it ends.
func (p *fileParser) until(r *RuleBlock) {
	const hint = "write it as: until 2026-12-31"
	w, ok := p.touching()
	if !ok {
		p.error(w.offset, "until needs a date", hint)
		return
	}
	t, err := parseTime(w.text)
	if err != nil {
		p.error(w.offset, quoteShort(w.text)+" is not a date", hint)
		return
	}
	if _, err := time.Parse(time.DateOnly, w.text); err == nil {
		t = t.AddDate(0, 0, 1)
	}
	r.Until, r.until = t.UTC(), w
}

// sample reads `sample 10%`.
func (p *fileParser) sample(r *RuleBlock) {
	const hint = "write it as: sample 10%"
	w, ok := p.touching()
	if p.is("%") {
		w.text += "%"
		p.at++
	}
	number, percent := strings.CutSuffix(w.text, "%")
	share, err := strconv.ParseFloat(number, 64)
	switch {
	case !ok || !percent || err != nil:
		p.error(w.offset, "sample needs a share of the messages", hint)
	case math.IsNaN(share) || share <= 0 || share > 100:
		p.error(w.offset, "a share lies above 0% and is 100% at most", "to switch a rule off, write disabled before it")
	default:
		r.Sample, r.sample = share, w
	}
}

// checkAttributes reports attributes that cannot do what they say.
func (c *compiler) checkAttributes(f *File, b *RuleBlock) {
	if b.Sample > 0 && b.Stage == StageEnvelope {
		c.error(f.src, b.sample.offset, "sample is not possible at stage envelope: the message's key is known with its body", "leave it out, or decide in a mail rule")
	}
	if now := c.opts.now(); !b.Until.IsZero() && !now.Before(b.Until) && !b.Disabled {
		c.warn(f.src, b.until.offset, "over", "this "+kindOf(b)+" is over since "+b.Until.Format("2006-01-02 15:04")+" UTC: it is skipped", "remove it, or give it more time")
	}
}

func (o *Options) now() time.Time {
	if o.Now.IsZero() {
		return time.Now()
	}
	return o.Now
}
