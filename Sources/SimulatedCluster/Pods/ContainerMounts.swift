import Glibc
import WindlassWire

/// How the files of a container come to be where its program looks for them.
package enum MountWay: String, CaseIterable, Sendable {
  /// A mount namespace with a root of its own: what root may do.
  case namespace
  /// The paths of mounts are replaced, in commands, words and variables, by those of the folders.
  case rewriting

  /// The best that this process may do.
  package static var possible: MountWay {
    geteuid() == 0 && access("/usr/bin/unshare", X_OK) == 0 ? .namespace : .rewriting
  }
}

/// The mounts of one container.
struct ContainerMounts: Sendable {
  /// One file or folder of this machine, and where the container sees it.
  struct Mount: Hashable, Sendable {
    var source: String
    var target: String
    var isReadOnly = false
  }

  var mounts: [Mount]
  let way: MountWay
  /// The file or folder that stands for the image.
  let image: String
  /// An empty folder for the container's root.
  let root: String

  /// The mounts of a container's volumes and of its termination message.
  init(
    _ container: JSONValue, volumes: [String: String], messageFile: String, image: String,
    root: String, way: MountWay
  ) throws(StartFailure) {
    mounts = []
    for mount in container.list("volumeMounts") {
      guard let folder = volumes[mount.text("name")] else {
        throw StartFailure(description: "no volume \"\(mount.text("name"))\" for a mount")
      }
      let part = mount.text("subPath")
      if !part.isEmpty, access("\(folder)/\(part)", F_OK) != 0 {
        try SmallFiles.makeFolder("\(folder)/\(part)")
      }
      mounts.append(
        Mount(
          source: part.isEmpty ? folder : "\(folder)/\(part)",
          target: Self.plain(mount.text("mountPath")),
          isReadOnly: mount["readOnly"]?.bool == true))
    }
    let message = container.text("terminationMessagePath")
    mounts.append(
      Mount(
        source: messageFile, target: message.isEmpty ? "/dev/termination-log" : message))
    self.way = way
    self.image = image
    self.root = root
  }

  private static func plain(_ path: String) -> String {
    path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  // MARK: - Rewriting

  /// A word with the paths of mounts replaced by those of their folders, the longest first.
  func rewritten(_ word: String) -> String {
    guard way == .rewriting else { return word }
    return mounts.sorted { $0.target.count > $1.target.count }.reduce(word) { word, mount in
      Self.replacing(mount.target, by: mount.source, in: word)
    }
  }

  /// Replaces a path where it stands alone or before a slash.
  private static func replacing(_ path: String, by other: String, in word: String) -> String {
    guard path.count > 1 else { return word }
    var result = ""
    var rest = word[...]
    while let range = rest.firstRange(of: path) {
      let before = word[..<range.lowerBound].last
      let after = word[range.upperBound...].first
      let isPart = { (character: Character?) in
        character.map { $0.isLetter || $0.isNumber || "._-".contains($0) } ?? false
      }
      let isWhole = !isPart(before) && before != "/" && !isPart(after)
      result += rest[..<range.lowerBound] + (isWhole ? other : path)
      rest = rest[range.upperBound...]
    }
    return result + rest
  }

  /// A command with its program where the image has it.
  func located(_ command: [String]) -> [String] {
    guard let first = command.first, first.hasPrefix("/") else { return command }
    let own = "\(image)\(first)"
    guard access(own, X_OK) == 0 else { return command }
    return [own] + command.dropFirst()
  }

  // MARK: - A root of its own

  /// The command that makes the root and executes the program in it; the process stays the same.
  func enclosed(_ command: [String], directory: String) -> [String] {
    let targets = resolved(mounts + imageMounts())
    var split: Set<String> = ["/"]
    for mount in targets {
      var path = mount.target
      while let slash = path.lastIndex(of: "/"), slash != path.startIndex {
        path = String(path[..<slash])
        split.insert(path)
      }
    }
    var lines = [
      "set -e", "saved=$PATH", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "root=\(quoted(root))",
      "mount -t tmpfs none \"$root\"", "mkdir \"$root/.host\"",
      "mount --rbind / \"$root/.host\"",
    ]
    lines += split.sorted().map { "mkdir -p \"$root\"\(quoted($0))" }
    for mount in targets {
      let target = "\"$root\"\(quoted(mount.target))"
      let source = quoted(mount.source)
      lines.append("if [ -d \(source) ]; then mkdir -p \(target); else : > \(target); fi")
    }
    // What is not replaced is seen as it is.
    lines.append(
      "link() { for e in \"$1\"/* \"$1\"/.[!.]*; do n=${e##*/}; "
        + "if [ -e \"$e\" ] && [ ! -e \"$root$1/$n\" ]; then "
        + "ln -s \"/.host$e\" \"$root$1/$n\"; fi; done; }")
    lines += split.sorted().map { "link \(quoted($0 == "/" ? "" : $0))" }
    for mount in targets {
      let target = "\"$root\"\(quoted(mount.target))"
      lines.append("mount --bind \(quoted(mount.source)) \(target)")
      if mount.isReadOnly { lines.append("mount -o remount,bind,ro \(target)") }
    }
    lines.append("PATH=$saved")
    lines.append("exec /usr/sbin/chroot \"$root\" /bin/sh -c 'cd \"$0\" && exec \"$@\"' \"$@\"")
    return [
      "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
      lines.joined(separator: "\n"), "sh", directory,
    ] + command
  }

  /// The image's files, each at the highest place that the machine has not.
  private func imageMounts() -> [Mount] {
    guard SmallFiles.isFolder(image) else { return [] }
    var found: [Mount] = []
    var folders = [""]
    while let folder = folders.popLast() {
      for name in SmallFiles.names(in: image + folder) {
        let path = "\(folder)/\(name)"
        if SmallFiles.isFolder(path), SmallFiles.isFolder(image + path) {
          folders.append(path)
        } else {
          found.append(Mount(source: image + path, target: path))
        }
      }
    }
    return found
  }

  /// The mounts with the links in their targets followed, as far as these exist here.
  private func resolved(_ mounts: [Mount]) -> [Mount] {
    mounts.map { mount in
      var mount = mount
      var head = mount.target
      var tail = ""
      while head.count > 1 {
        if let real = realpath(head, nil) {
          defer { free(real) }
          mount.target = String(cString: real) + tail
          break
        }
        guard let slash = head.lastIndex(of: "/") else { break }
        tail = String(head[slash...]) + tail
        head = String(head[..<slash])
      }
      return mount
    }
  }

  private func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }
}
