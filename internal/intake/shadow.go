package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"postern/dsl"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/rules"
)

// A Candidate is a set of rules that is asked what it would make of mail, beside the one that decides. It is asked after the
// decision was committed, by one goroutine that works a small part of the time, and what it has no time for is left out: it neither changes nor
// delays anything.
type Candidate struct {
	Set   *rules.Set
	Share float64   // percent of mails
	Until time.Time // until it is received
	// Result hears of each message that was compared; Missed of one that was not, because there was too much to do or it
	// could not be decided. Both may be called by several goroutines at once, and must be quick.
	Result func(message string, issue int64, found []rules.Difference)
	Missed func()
}

// Bounds on what a candidate costs.
const (
	shadowQueue = 16 // mails that wait for it
	shadowTime  = 5 * time.Second
	shadowRest  = 4 // times as long as it worked it rests
)

// shadowBudget is a candidate's: as many steps as rules that decide have, so that what runs away shows, and half the time.
func shadowBudget(b dsl.Budget) dsl.Budget {
	b.Time = cmp.Or(b.Time, rules.DefaultBudget.Time) / 2
	return b
}

// shadow is where decided mail waits for the candidate.
type shadow struct {
	candidate atomic.Pointer[Candidate]
	queue     chan *shadowed
}

// shadowed is a question that was decided, with the answers that it got from the world.
type shadowed struct {
	candidate *Candidate
	question  question
	world     *recording
	was       rules.Decided
	issue     int64
}

// Shadow sets the candidate; nil: none.
func (in *Intake) Shadow(c *Candidate) { in.shadow.candidate.Store(c) }

// watching is the candidate that wants to see a mail, or nil.
func (s *shadow) watching(q *question) *Candidate {
	c := s.candidate.Load()
	if c == nil || !q.env.Received.Before(c.Until) {
		return nil
	}
	sum := sha256.Sum256([]byte("shadow\x00" + q.p.raw.SHA256()))
	if float64(binary.BigEndian.Uint64(sum[:8]))/(1<<64) >= c.Share/100 {
		return nil
	}
	return c
}

// offer hands over a decided mail, if there is room. It keeps nothing of the mail's files.
func (s *shadow) offer(c *Candidate, q *question, w *recording, d *decision, issue int64) {
	if c == nil || d.result == nil || d.result.Ruleset == "" {
		return
	}
	verdict, reason := verdictOf(d.result)
	sh := &shadowed{
		candidate: c, question: *q, world: w, issue: issue,
		was: rules.Decided{Verdict: string(verdict), Reason: reason, Changes: d.result.Changes, Trace: d.result.Trace},
	}
	p := *q.p
	p.files = nil
	sh.question.p, sh.question.set, sh.question.budget, sh.question.envelope, sh.question.past = &p, c.Set, shadowBudget(q.budget), nil, nil
	sh.question.id = d.id
	select {
	case s.queue <- sh:
	default:
		c.Missed()
	}
}

// runShadow asks candidates until ctx ends.
func (in *Intake) runShadow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case sh := <-in.shadow.queue:
			began := time.Now()
			in.compare(ctx, sh)
			select {
			case <-ctx.Done():
				return
			case <-time.After(shadowRest * time.Since(began)):
			}
		}
	}
}

func (in *Intake) compare(ctx context.Context, sh *shadowed) {
	ctx, cancel := context.WithTimeout(ctx, shadowTime)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			in.log.ErrorContext(ctx, "panic while a candidate's rules were asked: nothing came of it", logkey.Message, sh.question.id,
				logkey.Ruleset, sh.question.set.Short(), logkey.Error, fmt.Sprint(r), "stack", string(debug.Stack()))
			sh.candidate.Missed()
		}
	}()
	began := time.Now()
	out, err := dryRun(ctx, sh.world, &sh.question)
	if err == nil && out.spent && time.Since(began) >= sh.question.budget.Time {
		err = dsl.ErrBudget // the machine is busy: that says nothing of the rules
	}
	if err != nil {
		sh.candidate.Missed()
		return
	}
	is := rules.Decided{Verdict: string(out.Verdict), Reason: out.Reason, Changes: out.Changes, Trace: out.Trace}
	sh.candidate.Result(sh.question.id, sh.issue, rules.Compare(sh.was, is))
}

// A recording is the world as a decision found it. What that did not ask is asked of the store now, when the message is in it.
type recording struct {
	World
	threads map[string][]issue.Link
	people  map[string][]string
	users   map[string]answer[*issue.User]
	counts  map[string]int
	issues  map[int64]answer[*issue.Issue]
}

type answer[T any] struct {
	value T
	err   error
}

func record(w World) *recording {
	return &recording{w, map[string][]issue.Link{}, map[string][]string{}, map[string]answer[*issue.User]{}, map[string]int{}, map[int64]answer[*issue.Issue]{}}
}

// remembered returns what was answered, or asks and keeps the answer.
func remembered[K comparable, V any](known map[K]V, key K, ask func() (V, error)) (V, error) {
	if v, ok := known[key]; ok {
		return v, nil
	}
	v, err := ask()
	if err == nil {
		known[key] = v
	}
	return v, err
}

func (r *recording) FindThread(ctx context.Context, mailbox string, ids []string) ([]issue.Link, error) {
	return remembered(r.threads, fmt.Sprintf("%s %q", mailbox, ids), func() ([]issue.Link, error) { return r.World.FindThread(ctx, mailbox, ids) })
}

func (r *recording) Participants(ctx context.Context, number int64, emails []string) ([]string, error) {
	return remembered(r.people, fmt.Sprintf("%d %q", number, emails), func() ([]string, error) { return r.World.Participants(ctx, number, emails) })
}

// FindUser remembers also that nobody was known: by now the sender is.
func (r *recording) FindUser(ctx context.Context, email string) (*issue.User, error) {
	a, err := remembered(r.users, email, func() (answer[*issue.User], error) {
		u, err := r.World.FindUser(ctx, email)
		return answer[*issue.User]{u, err}, nil
	})
	if err != nil {
		return nil, err
	}
	return a.value, a.err
}

func (r *recording) Recent(ctx context.Context, mailbox, email string, since time.Time) (int, error) {
	return remembered(r.counts, fmt.Sprintf("%s %q %d", mailbox, email, since.UnixNano()), func() (int, error) { return r.World.Recent(ctx, mailbox, email, since) })
}

func (r *recording) Issue(ctx context.Context, number int64) (*issue.Issue, error) {
	a, err := remembered(r.issues, number, func() (answer[*issue.Issue], error) {
		is, err := r.World.Issue(ctx, number)
		return answer[*issue.Issue]{is, err}, nil
	})
	if err != nil {
		return nil, err
	}
	return a.value, a.err
}
