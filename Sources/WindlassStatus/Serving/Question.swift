/// What somebody asked, and how he is answered.
struct Question: Sendable {
  let method: String
  let target: String
  /// Sends the answer, if the connection is still there; may be called once, from anywhere.
  let answer: @Sendable (StatusReply) -> Void
}
