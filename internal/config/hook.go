package config

// HookProviders are the mail providers whose webhooks are taken.
var HookProviders = []string{
	"sendgrid", "mailgun", "postmark", "ses", "mandrill", "sparkpost", "brevo", "mailersend", "resend", "cloudflare", "postal", "mailpace", "raw", "json",
}

// A Hook is a webhook: a provider's route to one mailbox.
type Hook struct {
	Name     string `yaml:",name" doc:"The name of the hook, in logs, status and commands."`
	Active   bool   `yaml:"active" doc:"Whether it takes mail."`
	Provider string `yaml:"provider" words:"sendgrid|mailgun|postmark|ses|mandrill|sparkpost|brevo|mailersend|resend|cloudflare|postal|mailpace|raw|json" doc:"Who calls: the first word of its path, /hooks/PROVIDER/MAILBOX."`
	Mailbox  string `yaml:"mailbox" doc:"The mailbox that its mail goes to: the second word of its path. \"-\": by envelope recipient, among mailboxes."`

	Mailboxes []string `yaml:"mailboxes" doc:"For mailbox \"-\": the mailboxes it may reach. All when not set."`

	Secret SecretFile   `yaml:"secret-file" path:"true" doc:"The file with a secret that each request must carry: as the third word of the path (/hooks/PROVIDER/MAILBOX/SECRET), as a bearer token, as the password of basic auth, or in the provider's own header. 16 characters at least; better, what postern keys secret writes."`
	User   string       `yaml:"user" doc:"The user name that must come with the secret by basic auth. Any when not set."`
	Keys   []SecretFile `yaml:"key-files" path:"true" doc:"Files with what the provider signs with: Mailgun's HTTP webhook signing key, SendGrid's public key, Mandrill's webhook key, and the like. Several while a key is being changed."`
	APIKey SecretFile   `yaml:"api-key-file" path:"true" doc:"The file with the key that mail or files are fetched with, where the provider does not send them along. For SES with S3: the secret access key."`
	URL    string       `yaml:"url" doc:"The URL by which the provider calls, exactly, where that is signed (Mandrill). public-url and the path when not set."`

	Topics  []string `yaml:"topics" doc:"SES: the SNS topics that are ours, arn:aws:sns:REGION:ACCOUNT:NAME."`
	Buckets []string `yaml:"buckets" doc:"SES with S3: the buckets that are ours."`
	Region  string   `yaml:"region" doc:"SES with S3: the buckets' region. Mailgun: us or eu."`
	KeyID   string   `yaml:"key-id" doc:"SES with S3: the access key id that belongs to api-key-file."`

	TrustVerdicts bool `yaml:"trust-verdicts" doc:"Whether the provider's words on SPF, DKIM and DMARC are believed: rules see them in mail.auth."`
}

func defaultHook() Hook { return Hook{Active: true} }
