package mail

func (p *parser) classify() { p.msg.Kind = KindHuman }
