use super::{
    ApiKeyPair, Image, ImageFormat, Org, PublishImage, Role, Scan, ScanImport, ScannedFile, ScannedInstance,
    ScannedPackage, SoftwareBundle, SshKey, Status, TargetFormat, User,
};
use crate::render::{Described, Document, Object, Record, ShapeField, ShapeKind, Shapes, render};
use crate::{Common, Syntax};

/// A list as a document: a root element that holds a wrapper of the same name, even if that is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T> {
    /// How many there are in all, if these are only some.
    pub total: Option<i64>,
    /// The items.
    pub items: Vec<T>,
}

impl<T> List<T> {
    /// All there are.
    pub fn all(items: Vec<T>) -> Self {
        Self { total: i64::try_from(items.len()).ok(), items }
    }

    /// Some of `total`.
    pub fn page(items: Vec<T>, total: u64) -> Self {
        Self { total: i64::try_from(total).ok(), items }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::all(Vec::new())
    }
}

impl<T: Item> Document for List<T> {
    const ROOT: &'static str = T::LIST;

    fn render(&self, syntax: Syntax) -> String {
        render(T::LIST, &Content(self), syntax)
    }

    fn common(&mut self) -> Option<&mut Common> {
        None
    }
}

/// What lists are made of.
#[expect(private_bounds, reason = "the schema is closed: nothing else can be an item")]
pub trait Item: Object {
    /// Name of the list's root element and of the wrapper in it.
    const LIST: &'static str;
    /// Name of an item.
    const ITEM: &'static str;
}

struct Content<'a, T>(&'a List<T>);

impl<T: Item> Object for Content<'_, T> {
    const NAME: &'static str = T::LIST;
    const ABOUT: &'static str = "A list in a wrapper of the same name.";

    fn fields(shapes: &mut Shapes) -> Vec<ShapeField> {
        let total = ShapeField {
            name: "total",
            about: "How many there are in all.",
            kind: ShapeKind::Number(64),
            item: None,
        };
        let items =
            ShapeField { name: T::LIST, about: "The items.", kind: T::kind(shapes), item: Some(T::ITEM) };
        vec![total, items]
    }

    fn write(&self, record: &mut Record) {
        record.put("total", &self.0.total);
        record.put_items(T::LIST, T::ITEM, &self.0.items);
    }
}

macro_rules! lists {
    ($($(#[$about:meta])* $list:ident of $item:ident = $wrapper:literal / $element:literal;)+) => {
        $(
            $(#[$about])*
            pub type $list = List<$item>;

            impl Item for $item {
                const LIST: &'static str = $wrapper;
                const ITEM: &'static str = $element;
            }
        )+

        /// Describes every list.
        pub(super) fn add_lists(shapes: &mut Shapes) {
            $(shapes.add::<Content<'_, $item>>($wrapper);)+
        }
    };
}

lists! {
    /// Images.
    Images of Image = "images" / "image";
    /// Published images.
    PublishImages of PublishImage = "publishImages" / "publishImage";
    /// Scans.
    Scans of Scan = "scans" / "scan";
    /// Scanned machines.
    ScannedInstances of ScannedInstance = "scannedInstances" / "scannedInstance";
    /// Imports of a scan.
    ScanImports of ScanImport = "scanImports" / "scanImport";
    /// Packages of a scan.
    ScannedPackages of ScannedPackage = "scannedPackages" / "scannedPackage";
    /// Files of a scan.
    ScannedFiles of ScannedFile = "scannedFiles" / "scannedFile";
    /// States.
    Statuses of Status = "statuses" / "status";
    /// Target formats.
    TargetFormats of TargetFormat = "targetFormats" / "targetFormat";
    /// Primitive formats.
    ImageFormats of ImageFormat = "imageFormats" / "imageFormat";
    /// Software that a format adds.
    SoftwareBundles of SoftwareBundle = "softwareBundles" / "softwareBundle";
    /// Accounts.
    Users of User = "users" / "user";
    /// Organisations.
    Orgs of Org = "orgs" / "org";
    /// Roles.
    Roles of Role = "roles" / "role";
    /// Pairs of API keys.
    ApiKeyPairs of ApiKeyPair = "apiKeyPairs" / "apiKeyPair";
    /// Public keys.
    SshKeys of SshKey = "sshKeys" / "sshKey";
}
