// Hands each mail to Postern while the server that sent it still waits for the answer.
export default {
  async email(message, env) {
    const answer = await fetch(env.POSTERN_URL, {
      method: "POST",
      redirect: "manual",
      headers: {
        "Authorization": `Bearer ${env.POSTERN_SECRET}`,
        "Content-Type": "message/rfc822",
        "X-Envelope-From": encodeURIComponent(message.from),
        "X-Envelope-To": encodeURIComponent(message.to),
      },
      body: await new Response(message.raw).arrayBuffer(),
    });
    if (answer.status === 406 || answer.status === 413) message.setReject((await answer.text()).trim().slice(0, 200) || "refused");
    else if (!answer.ok) throw new Error(`Postern answered ${answer.status}`); // the sender keeps the mail and tries again
  },
};
