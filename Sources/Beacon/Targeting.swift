/// Everything that decides which variant of one flag an entity sees.
///
/// The same entity always sees the same variant, whichever release or instance answers.
struct Targeting: Sendable {
  /// One comparison with a property of the entity.
  struct Constraint: Sendable {
    var property: String
    /// `equals`, `differs` or `prefix`.
    var comparison: String
    var value: String
  }

  /// Entities of a segment see a variant.
  struct Rule: Sendable {
    var rank: Int64
    var variantKey: String
    /// Whether all constraints must hold, and not only one.
    var needsAll: Bool
    var constraints: [Constraint] = []
  }

  /// What a flag can show, with its share of the entities that no rule names.
  struct Variant: Sendable {
    var key: String
    var weight: Int64
  }

  var flag: FlagReply
  /// By rank; the first that holds decides.
  var rules: [Rule]
  var variants: [Variant]

  /// Decides for one entity.
  func evaluate(_ request: EvaluationRequest) -> EvaluationReply {
    var reply = EvaluationReply(
      requestID: request.requestID, flagKey: flag.key, isEnabled: false, reason: .disabled)
    guard flag.isEnabled else { return reply }
    guard bucket(request.entityID, of: 100, salt: "rollout") < flag.rolloutPercent else {
      reply.reason = .outsideRollout
      return reply
    }
    reply.isEnabled = true
    if let rule = rules.first(where: { holds($0, for: request.context ?? [:]) }) {
      reply.variantKey = rule.variantKey
      reply.reason = .rule
      return reply
    }
    reply.variantKey = weighedVariant(for: request.entityID)
    reply.reason = .weight
    return reply
  }

  private func holds(_ rule: Rule, for context: [String: String]) -> Bool {
    let holds = { (constraint: Constraint) -> Bool in
      guard let property = context[constraint.property] else { return false }
      switch constraint.comparison {
      case "equals": return property == constraint.value
      case "differs": return property != constraint.value
      case "prefix": return property.hasPrefix(constraint.value)
      default: return false
      }
    }
    return rule.needsAll
      ? rule.constraints.allSatisfy(holds) : rule.constraints.contains(where: holds)
  }

  private func weighedVariant(for entityID: String) -> String? {
    let total = variants.reduce(0) { $0 + max($1.weight, 0) }
    guard total > 0 else { return nil }
    var position = bucket(entityID, of: total, salt: "variant")
    for variant in variants {
      position -= max(variant.weight, 0)
      if position < 0 { return variant.key }
    }
    return nil
  }

  /// A number below `count` that depends on flag, entity and salt alone.
  private func bucket(_ entityID: String, of count: Int64, salt: String) -> Int64 {
    var hash = FNV1a()
    hash.add(salt.utf8)
    hash.add(flag.key.utf8)
    hash.add(CollectionOfOne(0))
    hash.add(entityID.utf8)
    return Int64(hash.value >> 33) % count
  }
}

/// The hash FNV-1a of 64 bits: small, and the same everywhere.
struct FNV1a: Equatable, Sendable {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
  }

  /// 16 hexadecimal digits.
  var text: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
