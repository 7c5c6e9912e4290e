/// What a pid has a meaning in: one boot of one kernel, and one pid namespace.
struct HostIdentity: Hashable, Sendable {
  /// Where Linux tells its boot id.
  static let bootIDPath = "/proc/sys/kernel/random/boot_id"

  /// The kernel's name of this boot.
  let bootID: String
  /// The inode of this process's pid namespace.
  let pidNamespace: UInt64

  /// Reads the identity of here and now; the path is another one only where a test plays a reboot.
  static func current(bootIDPath: String = bootIDPath) throws(SystemError) -> HostIdentity {
    let bytes = try Files.read(bootIDPath, limit: 4_096)
    let text = String(decoding: bytes, as: UTF8.self)
    let namespace = try FileStatus("/proc/self/ns/pid", followsLinks: true)
    return HostIdentity(
      bootID: String(text.prefix { !$0.isWhitespace }), pidNamespace: namespace.identity.inode)
  }
}
