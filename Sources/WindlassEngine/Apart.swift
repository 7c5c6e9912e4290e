/// Does something in a task of its own, as a part of the calling one.
///
/// What the frames of a task took at their deepest stays with the task until it ends. A loop that
/// rests for minutes between two short pieces of work does them apart, or a thousand such loops
/// hold what a thousand pieces of work need at once.
package func apart<Result: Sendable>(
  _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  async let result = work()
  return try await result
}

/// Does something that can't fail in a task of its own, as a part of the calling one.
package func apart<Result: Sendable>(
  _ work: @escaping @Sendable () async -> Result
) async -> Result {
  async let result = work()
  return await result
}
